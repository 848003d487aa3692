-- Journeys: one person's way through one offer's stages.
-- grain: one row per person and offer, of genuine leads, each event once
-- key:   person_id, offer_id
-- reads: leads, identities, reconciliation, crm_records
with

-- An event is told by its first delivery; the row of any destination knows it.
event_of_lead as (
    select lead_id, min(event_id) as event_id
    from reconciliation
    group by lead_id
),

genuine as (
    select
        l.lead_id,
        i.person_id,
        coalesce(l.offer_id, '(none)') as offer_id,
        coalesce(l.storefront, '(none)') as storefront,
        l.stage,
        l.received_at,
        coalesce(e.event_id, l.lead_id) as event_id
    from leads as l
    inner join identities as i on i.lead_id = l.lead_id
    left join event_of_lead as e on e.lead_id = l.lead_id
    where l.kind = 'genuine' and i.person_id is not null
),

reached as (
    select
        person_id,
        offer_id,
        min(received_at) as first_at,
        min(case when stage = 'trial' then received_at end) as trial_at,
        min(case when stage = 'interest' then received_at end) as interest_at,
        min(case when stage = 'contact' then received_at end) as contact_at,
        min(case when stage = 'purchase' then received_at end) as purchase_at,
        cast(count(distinct event_id) as bigint) as leads
    from genuine
    group by person_id, offer_id
),

numbered as (
    select
        person_id,
        offer_id,
        storefront,
        row_number() over (partition by person_id, offer_id order by received_at, lead_id) as nth
    from genuine
),

first_storefront as (
    select person_id, offer_id, storefront
    from numbered
    where nth = 1
),

-- Most records are open: without them a join of millions with millions is one with some.
settled as (
    select destination, record_id, outcome
    from crm_records
    where outcome in ('won', 'lost', 'qualified')
),

-- What the destinations say: lost somewhere, arrived somewhere, and what became of the record.
fate_of_lead as (
    select
        r.lead_id,
        max(case when r.verdict = 'missed' then 1 else 0 end) as missed,
        max(case when r.verdict = 'matched' then 1 else 0 end) as matched,
        max(case when c.outcome = 'won' then 1 else 0 end) as won,
        max(case when c.outcome = 'lost' then 1 else 0 end) as lost,
        max(case when c.outcome = 'qualified' then 1 else 0 end) as qualified
    from reconciliation as r
    left join settled as c on c.destination = r.destination and c.record_id = r.record_id
    group by r.lead_id
),

fate as (
    select
        g.person_id,
        g.offer_id,
        max(f.missed) as missed,
        max(f.matched) as matched,
        max(f.won) as won,
        max(f.lost) as lost,
        max(f.qualified) as qualified
    from genuine as g
    inner join fate_of_lead as f on f.lead_id = g.lead_id
    group by g.person_id, g.offer_id
),

silenced as (
    select person_id, max(case when opted_out then 1 else 0 end) as opted_out
    from crm_records
    where person_id is not null
    group by person_id
)

select
    r.person_id,
    r.offer_id,
    s.storefront,
    r.trial_at,
    r.interest_at,
    r.contact_at,
    r.purchase_at,
    case
        when r.purchase_at is not null then 'purchase'
        when r.contact_at is not null then 'contact'
        when r.interest_at is not null then 'interest'
        when r.trial_at is not null then 'trial'
        else 'none'
    end as furthest_stage,
    r.leads,
    case
        when o.opted_out = 1 then 'none: opted out'
        when f.missed = 1 then 'call: a lead never reached the CRM'
        when f.won = 1 then 'none: won'
        when r.purchase_at is not null then 'welcome and onboard'
        when f.qualified = 1 then 'owner: follow the opportunity'
        when f.lost = 1 then 'none: disqualified'
        when coalesce(f.matched, 0) = 0 then 'wait: not delivered yet'
        when r.contact_at is not null then 'answer the request'
        when r.interest_at is not null then 'offer a demonstration'
        when r.trial_at is not null then 'ask how the trial went'
        else 'ask what they need'
    end as next_step,
    r.first_at
from reached as r
inner join first_storefront as s on s.person_id = r.person_id and s.offer_id = r.offer_id
left join fate as f on f.person_id = r.person_id and f.offer_id = r.offer_id
left join silenced as o on o.person_id = r.person_id
order by person_id, offer_id
