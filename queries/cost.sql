-- Cost: what leads cost.
-- grain: one row per period, offer, campaign and currency; what cannot be ascribed to an offer is (shared) and is never
--        spread; rows of (all) are the sums, and the only ones that hold both spend and storage; a lead counts in the
--        month it was received, a spend line in the month that its days lie in (what is of several months stands in no
--        row), each event once; currencies never mix
-- key:   period, offer_id, campaign, currency
-- reads: leads, identities, reconciliation, crm_records, coverage, journeys, charges, spend, calendar, local_days
with

knowledge as (
    select max(case when has_opportunities then 1 else 0 end) as opportunities
    from coverage
),

-- Under names of their own: Polars mixes up the columns of a table that is joined twice.
survivors as (
    select destination as survivor_at, record_id as survivor_id, outcome as survivor_outcome
    from crm_records
    where outcome = 'won'
),

-- Records of which anything became: most are open, and a join of millions with millions is one with some.
moved_on as (
    select destination, record_id, outcome, merged_into
    from crm_records
    where outcome = 'won' or merged_into is not null
),

fate_of_lead as (
    select
        r.lead_id,
        min(r.event_id) as event_id,
        max(case when r.verdict = 'missed' then 1 else 0 end) as missed,
        max(case when r.verdict = 'matched' then 1 else 0 end) as matched,
        max(case when r.verdict = 'matched' and (c.outcome = 'won' or s.survivor_outcome = 'won') then 1 else 0 end) as won
    from reconciliation as r
    left join moved_on as c on c.destination = r.destination and c.record_id = r.record_id
    left join survivors as s on s.survivor_at = r.destination and s.survivor_id = c.merged_into
    group by r.lead_id
),

events as (
    select
        coalesce(f.event_id, l.lead_id) as event_id,
        min(i.person_id) as person_id,
        min(l.received_at) as received_at,
        min(coalesce(l.offer_id, '(none)')) as offer_id,
        coalesce(min(l.campaign), '(none)') as campaign,
        max(coalesce(f.missed, 0)) as missed,
        max(coalesce(f.matched, 0)) as matched,
        max(coalesce(f.won, 0)) as won
    from leads as l
    inner join identities as i on i.lead_id = l.lead_id
    left join fate_of_lead as f on f.lead_id = l.lead_id
    where l.kind = 'genuine' and i.person_id is not null
    group by coalesce(f.event_id, l.lead_id)
),

-- Whoever won, won the journey, whichever of its leads the record was made by.
won_by_journey as (
    select person_id, offer_id, max(won) as won
    from events
    group by person_id, offer_id
),

dated as (
    select
        e.event_id,
        e.person_id,
        d.month as period,
        e.offer_id,
        e.campaign,
        e.missed,
        case when e.matched = 1 then e.person_id end as delivered_person,
        case when j.purchase_at is not null then e.person_id end as purchase_person,
        case when w.won = 1 then e.person_id end as won_person
    from events as e
    inner join local_days as d on d.utc_date = cast(e.received_at as date)
    left join journeys as j on j.person_id = e.person_id and j.offer_id = e.offer_id
    left join won_by_journey as w on w.person_id = e.person_id and w.offer_id = e.offer_id
    where e.received_at >= d.starts_at and e.received_at < d.ends_at
),

-- The row itself, the sum over its campaigns, and the sum over all offers.
levels as (
    select 1 as level
    union all
    select 2 as level
    union all
    select 3 as level
),

leveled as (
    select
        d.period,
        case when l.level = 3 then '(all)' else d.offer_id end as offer_id,
        case when l.level >= 2 then '(all)' else d.campaign end as campaign,
        d.event_id,
        d.person_id,
        d.missed,
        d.delivered_person,
        d.purchase_person,
        d.won_person
    from dated as d
    cross join levels as l
),

counts as (
    select
        period,
        offer_id,
        campaign,
        cast(count(event_id) as bigint) as leads,
        cast(count(distinct person_id) as bigint) as people,
        cast(count(distinct delivered_person) as bigint) as delivered,
        cast(count(distinct purchase_person) as bigint) as purchase,
        cast(count(distinct won_person) as bigint) as won,
        cast(sum(missed) as bigint) as missed
    from leveled
    group by period, offer_id, campaign
),

-- The calendar reaches back to the first lead, charge or spend, whichever is first, and ends with the as-of day.
spend_dated as (
    select coalesce(day, period_start) as day, offer_id, campaign, currency, spend
    from spend
    where month is not null
),

money_lines as (
    select
        d.month as period,
        coalesce(s.offer_id, '(shared)') as offer_id,
        coalesce(s.campaign, '(none)') as campaign,
        s.currency,
        s.spend,
        cast(null as decimal(38, 18)) as storage_cost,
        s.spend as amount
    from spend_dated as s
    inner join calendar as d on d.day = s.day
    union all
    select
        d.month as period,
        '(shared)' as offer_id,
        '(none)' as campaign,
        c.currency,
        cast(null as decimal(38, 18)) as spend,
        c.cost as storage_cost,
        c.cost as amount
    from charges as c
    inner join calendar as d on d.day = c.day
),

money_leveled as (
    select
        m.period,
        case when l.level = 3 then '(all)' else m.offer_id end as offer_id,
        case when l.level >= 2 then '(all)' else m.campaign end as campaign,
        m.currency,
        m.spend,
        m.storage_cost,
        m.amount
    from money_lines as m
    cross join levels as l
),

-- The sum of nothing is unknown, not zero; engines differ, so it is said. Both together are summed as lines and not by
-- adding two sums, where Spark keeps one digit less.
money as (
    select
        period,
        offer_id,
        campaign,
        currency,
        case when count(spend) > 0 then sum(spend) end as spend,
        case when count(storage_cost) > 0 then sum(storage_cost) end as storage_cost,
        case when count(spend) > 0 and count(storage_cost) > 0 then sum(amount) end as spend_and_storage
    from money_leveled
    group by period, offer_id, campaign, currency
),

priced as (
    select distinct period, offer_id, campaign, 1 as priced
    from money
),

together as (
    select
        m.period,
        m.offer_id,
        m.campaign,
        m.currency,
        m.spend,
        m.storage_cost,
        m.spend_and_storage,
        coalesce(c.leads, 0) as leads,
        coalesce(c.people, 0) as people,
        coalesce(c.delivered, 0) as delivered,
        coalesce(c.purchase, 0) as purchase,
        coalesce(c.won, 0) as won,
        coalesce(c.missed, 0) as missed
    from money as m
    left join counts as c on c.period = m.period and c.offer_id = m.offer_id and c.campaign = m.campaign
    union all
    select
        c.period,
        c.offer_id,
        c.campaign,
        '(none)' as currency,
        cast(null as decimal(38, 18)) as spend,
        cast(null as decimal(38, 18)) as storage_cost,
        cast(null as decimal(38, 18)) as spend_and_storage,
        c.leads,
        c.people,
        c.delivered,
        c.purchase,
        c.won,
        c.missed
    from counts as c
    left join priced as p on p.period = c.period and p.offer_id = c.offer_id and p.campaign = c.campaign
    where p.priced is null
),

doubles as (
    select
        t.period,
        t.offer_id,
        t.campaign,
        t.currency,
        t.spend,
        t.storage_cost,
        t.leads,
        t.people,
        t.delivered,
        t.purchase,
        case when k.opportunities = 1 then t.won end as won,
        cast(t.spend_and_storage as double) as cost_double,
        cast(t.spend as double) as spend_double,
        cast(t.leads as double) as leads_double,
        cast(t.people as double) as people_double,
        cast(t.purchase as double) as purchase_double,
        cast(case when k.opportunities = 1 then t.won end as double) as won_double,
        cast(t.missed as double) as missed_double
    from together as t
    cross join knowledge as k
)

select
    period,
    offer_id,
    campaign,
    currency,
    spend,
    storage_cost,
    leads,
    people,
    delivered,
    purchase,
    won,
    cost_double / nullif(leads_double, 0.0) as cost_per_lead,
    cost_double / nullif(people_double, 0.0) as cost_per_person,
    cost_double / nullif(purchase_double, 0.0) as cost_per_purchase,
    cost_double / nullif(won_double, 0.0) as cost_per_won,
    spend_double * missed_double / nullif(leads_double, 0.0) as spend_on_missed,
    spend_double / nullif(leads_double, 0.0) as spend_per_lead,
    spend_double / nullif(people_double, 0.0) as spend_per_person
from doubles
order by period, offer_id, campaign, currency
