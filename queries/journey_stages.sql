-- Journey stages: what each journey reached, and what of it arrived.
-- grain: one row per person and offer, of genuine leads; offer_id (all) for the person's journeys together, in the
--        month and storefront of the first lead of all
-- key:   person_id, offer_id
-- reads: journeys, leads, identities, reconciliation, crm_records, local_days
with

-- Under names of their own: Polars mixes up the columns of a table that is joined twice.
survivors as (
    select destination as survivor_at, record_id as survivor_id, outcome as survivor_outcome
    from crm_records
    where outcome in ('qualified', 'won')
),

-- Records of which anything became: most are open, and a join of millions with millions is one with some.
moved_on as (
    select destination, record_id, outcome, merged_into
    from crm_records
    where outcome in ('qualified', 'won') or merged_into is not null
),

-- One row per lead that an export has spoken for, with what became of its record or of the record it was merged into.
spoken as (
    select
        r.lead_id,
        sum(case when r.verdict = 'matched' then 1 else 0 end) as arrived,
        sum(case when r.verdict = 'missed' then 1 else 0 end) as lost,
        max(case when c.outcome in ('qualified', 'won') or s.survivor_outcome in ('qualified', 'won') then 1 else 0 end)
            as qualified,
        max(case when c.outcome = 'won' or s.survivor_outcome = 'won' then 1 else 0 end) as won
    from reconciliation as r
    left join moved_on as c on c.destination = r.destination and c.record_id = r.record_id
    left join survivors as s on s.survivor_at = r.destination and s.survivor_id = c.merged_into
    where r.verdict in ('matched', 'missed')
    group by r.lead_id
),

spoken_by_journey as (
    select
        i.person_id,
        coalesce(l.offer_id, '(none)') as offer_id,
        sum(p.arrived) as arrived,
        sum(p.lost) as lost,
        max(p.qualified) as qualified,
        max(p.won) as won
    from leads as l
    inner join identities as i on i.lead_id = l.lead_id
    inner join spoken as p on p.lead_id = l.lead_id
    where l.kind = 'genuine' and i.person_id is not null
    group by i.person_id, coalesce(l.offer_id, '(none)')
),

by_journey as (
    select
        j.person_id,
        j.offer_id,
        j.storefront,
        d.month as period,
        j.first_at,
        j.trial_at,
        j.interest_at,
        j.contact_at,
        j.purchase_at,
        coalesce(a.arrived, 0) as arrived,
        coalesce(a.lost, 0) as lost,
        coalesce(a.qualified, 0) as qualified,
        coalesce(a.won, 0) as won
    from journeys as j
    inner join local_days as d on d.utc_date = cast(j.first_at as date)
    left join spoken_by_journey as a on a.person_id = j.person_id and a.offer_id = j.offer_id
    where j.first_at >= d.starts_at and j.first_at < d.ends_at
),

numbered as (
    select
        person_id,
        period,
        storefront,
        row_number() over (partition by person_id order by first_at, offer_id) as nth
    from by_journey
),

firsts as (
    select person_id as first_person, period, storefront
    from numbered
    where nth = 1
),

by_person as (
    select
        person_id,
        min(first_at) as first_at,
        min(trial_at) as trial_at,
        min(interest_at) as interest_at,
        min(contact_at) as contact_at,
        min(purchase_at) as purchase_at,
        sum(arrived) as arrived,
        sum(lost) as lost,
        max(qualified) as qualified,
        max(won) as won
    from by_journey
    group by person_id
),

everything as (
    select
        person_id, offer_id, storefront, period, first_at, trial_at, interest_at, contact_at, purchase_at, arrived, lost,
        qualified, won
    from by_journey
    union all
    select
        p.person_id, '(all)' as offer_id, f.storefront, f.period, p.first_at, p.trial_at, p.interest_at, p.contact_at,
        p.purchase_at, p.arrived, p.lost, p.qualified, p.won
    from by_person as p
    inner join firsts as f on f.first_person = p.person_id
)

select
    person_id,
    offer_id,
    storefront,
    period,
    first_at,
    trial_at,
    interest_at,
    contact_at,
    purchase_at,
    cast(case when trial_at is not null then 1 else 0 end as bigint) as trial,
    cast(case when interest_at is not null then 1 else 0 end as bigint) as interest,
    cast(case when contact_at is not null then 1 else 0 end as bigint) as contact,
    cast(case when purchase_at is not null then 1 else 0 end as bigint) as purchase,
    cast(case when arrived > 0 then 1 else 0 end as bigint) as in_crm,
    cast(qualified as bigint) as qualified,
    cast(won as bigint) as won,
    cast(arrived as bigint) as arrived,
    cast(lost as bigint) as lost
from everything
order by person_id, offer_id
