-- At risk, all together: what the people who never arrived would bring.
-- grain: one row per currency; (none) for rows without an amount
-- key:   currency
-- reads: at_risk

-- Whole hundredths are summed: doubles would depend on the order.
select
    case when expected is null then '(none)' else coalesce(currency, '(unknown)') end as currency,
    cast(sum(people) as bigint) as people,
    round(cast(sum(cast(floor(expected * 100.0 + 0.5) as bigint)) as double) / 100.0, 2) as expected,
    round(cast(sum(cast(floor(expected_low * 100.0 + 0.5) as bigint)) as double) / 100.0, 2) as expected_low,
    round(cast(sum(cast(floor(expected_high * 100.0 + 0.5) as bigint)) as double) / 100.0, 2) as expected_high
from at_risk
group by case when expected is null then '(none)' else coalesce(currency, '(unknown)') end
order by currency
