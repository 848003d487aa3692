-- Storage: what keeping the raw leads costs, set against the 50 cents per 1,000 leads that Microsoft's pages name.
-- grain: one row per currency, over all days that the cost exports speak of
-- key:   currency
-- reads: charges, leads, run
with

billed as (
    select
        c.currency,
        min(c.day) as first_day,
        max(c.day) as last_day,
        sum(c.cost) as storage_cost
    from charges as c
    cross join run as u
    where c.day <= u.as_of
    group by c.currency
),

kept as (
    select b.currency, cast(count(l.lead_id) as bigint) as leads
    from billed as b
    cross join leads as l
    where cast(l.received_at as date) >= b.first_day and cast(l.received_at as date) <= b.last_day
    group by b.currency
)

select
    b.currency,
    b.first_day,
    b.last_day,
    b.storage_cost,
    coalesce(k.leads, 0) as leads,
    cast(b.storage_cost as double) * 1000.0 / nullif(cast(k.leads as double), 0.0) as cost_per_thousand,
    0.5 as claimed_per_thousand_usd
from billed as b
left join kept as k on k.currency = b.currency
order by currency
