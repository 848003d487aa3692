-- Funnel by country: how many people of each country reach each stage.
-- grain: one row per country; a person counts once, where the newest known country or phone says
-- key:   country_code
-- reads: journey_stages, people, coverage
with

knowledge as (
    select max(case when has_opportunities then 1 else 0 end) as opportunities
    from coverage
),

counts as (
    select
        coalesce(p.country_code, '(none)') as country_code,
        count(j.person_id) as people,
        sum(j.trial) as trial,
        sum(j.interest) as interest,
        sum(j.contact) as contact,
        sum(j.purchase) as purchase,
        sum(j.in_crm) as in_crm,
        sum(j.qualified) as qualified,
        sum(j.won) as won
    from journey_stages as j
    inner join people as p on p.person_id = j.person_id
    where j.offer_id = '(all)'
    group by coalesce(p.country_code, '(none)')
),

doubles as (
    select country_code, cast(people as double) as n, cast(purchase as double) as k
    from counts
)

-- Wilson's score interval, as in funnel.sql.
select
    c.country_code,
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
inner join doubles as d on d.country_code = c.country_code
order by country_code
