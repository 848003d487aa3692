-- The rows for all offers hold exactly the money of the exports, in each currency, but for spend of several months.
-- grain: one row per currency where they do not
-- key:   currency
-- reads: cost, charges, spend, run
with

lines as (
    select s.currency, s.spend as amount
    from spend as s
    cross join run as u
    where coalesce(s.day, s.period_start) <= u.as_of and s.month is not null
    union all
    select c.currency, c.cost as amount
    from charges as c
    cross join run as u
    where c.day <= u.as_of
    union all
    select currency, -spend as amount from cost where offer_id = '(all)' and spend is not null
    union all
    select currency, -storage_cost as amount from cost where offer_id = '(all)' and storage_cost is not null
)

select currency
from lines
group by currency
having sum(amount) <> 0
order by currency
