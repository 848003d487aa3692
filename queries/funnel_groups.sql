-- Funnel by what people have in common: how many of each country, and of each campaign by first and by last touch, reach
-- each stage.
-- grain: one row per grouped_by and name; grouped_by is country (where the newest known country or phone says), first or last
--        (the campaign of the person's first or last genuine lead); a person counts once in each
-- key:   grouped_by, name
-- reads: journey_stages, leads, identities, people, coverage
with

knowledge as (
    select max(case when has_opportunities then 1 else 0 end) as opportunities
    from coverage
),

numbered as (
    select
        i.person_id,
        coalesce(l.campaign, '(none)') as campaign,
        row_number() over (partition by i.person_id order by l.received_at, l.lead_id) as from_first,
        row_number() over (partition by i.person_id order by l.received_at desc, l.lead_id desc) as from_last
    from leads as l
    inner join identities as i on i.lead_id = l.lead_id
    where l.kind = 'genuine' and i.person_id is not null
),

members as (
    select 'country' as grouped_by, coalesce(country_code, '(none)') as name, person_id
    from people
    union all
    select 'first' as grouped_by, campaign as name, person_id
    from numbered
    where from_first = 1
    union all
    select 'last' as grouped_by, campaign as name, person_id
    from numbered
    where from_last = 1
),

counts as (
    select
        m.grouped_by,
        m.name,
        count(j.person_id) as people,
        sum(j.trial) as trial,
        sum(j.interest) as interest,
        sum(j.contact) as contact,
        sum(j.purchase) as purchase,
        sum(j.in_crm) as in_crm,
        sum(j.qualified) as qualified,
        sum(j.won) as won
    from members as m
    inner join journey_stages as j on j.person_id = m.person_id
    where j.offer_id = '(all)'
    group by m.grouped_by, m.name
),

doubles as (
    select grouped_by, name, cast(people as double) as n, cast(purchase as double) as k
    from counts
)

-- Wilson's score interval, as in funnel.sql.
select
    c.grouped_by,
    c.name,
    cast(c.people as bigint) as people,
    cast(c.trial as bigint) as trial,
    cast(c.interest as bigint) as interest,
    cast(c.contact as bigint) as contact,
    cast(c.purchase as bigint) as purchase,
    cast(c.in_crm as bigint) as in_crm,
    cast(c.qualified as bigint) as qualified,
    case when o.opportunities = 1 then cast(c.won as bigint) end as won,
    d.k / nullif(d.n, 0.0) as purchase_rate,
    case when d.k = 0.0 then 0.0 else
        (d.k + 1.9207294103470618
            - 1.959963984540054 * sqrt(d.k * (d.n - d.k) / nullif(d.n, 0.0) + 0.9603647051735309))
        / (d.n + 3.8414588206941236)
    end as purchase_rate_low,
    case when d.k = d.n then 1.0 else
        (d.k + 1.9207294103470618
            + 1.959963984540054 * sqrt(d.k * (d.n - d.k) / nullif(d.n, 0.0) + 0.9603647051735309))
        / (d.n + 3.8414588206941236)
    end as purchase_rate_high
from counts as c
cross join knowledge as o
inner join doubles as d on d.grouped_by = c.grouped_by and d.name = c.name
order by grouped_by, name
