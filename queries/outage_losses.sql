-- Outage losses: what each outage cost, and how long it took until somebody was told.
-- grain: one row per outage and currency of what is at risk; (none) where history is too thin
-- key:   outage_id, currency
-- reads: outages, missed_leads, at_risk, calendar, local_days
with

utc_days as (
    select distinct utc_date from local_days
),

day_numbers as (
    select utc_date, row_number() over (order by utc_date) as day_number
    from utc_days
),

reported as (
    select outage_id as of_outage, min(first_reported_on) as first_reported_on
    from missed_leads
    where outage_id is not null
    group by outage_id
),

-- Hours since the first day of all: when it began, and the end of the day whose report told it first.
begun as (
    select
        o.outage_id as begun_outage,
        cast(d.day_number as bigint) * 24 + cast(extract(hour from o.began_by) as bigint) as begun_hour
    from outages as o
    inner join day_numbers as d on d.utc_date = cast(o.began_by as date)
),

told as (
    select
        r.of_outage,
        r.first_reported_on,
        cast(d.day_number as bigint) * 24 + cast(extract(hour from c.ends_at) as bigint) as told_hour
    from reported as r
    inner join calendar as c on c.day = r.first_reported_on
    inner join day_numbers as d on d.utc_date = cast(c.ends_at as date)
),

waiting as (
    select outage_id as waiting_outage, count(distinct coalesce(person_id, lead_id)) as open_people
    from missed_leads
    where outage_id is not null and (status = 'new' or status = 'open' or status = 'replayed')
    group by outage_id
),

-- Whole hundredths are summed: doubles would depend on the order.
risks as (
    select
        outage_id as risk_outage,
        case when expected is null then '(none)' else coalesce(currency, '(unknown)') end as currency,
        cast(sum(cast(floor(expected * 100.0 + 0.5) as bigint)) as double) / 100.0 as expected,
        cast(sum(cast(floor(expected_low * 100.0 + 0.5) as bigint)) as double) / 100.0 as expected_low,
        cast(sum(cast(floor(expected_high * 100.0 + 0.5) as bigint)) as double) / 100.0 as expected_high
    from at_risk
    group by outage_id, case when expected is null then '(none)' else coalesce(currency, '(unknown)') end
)

select
    o.outage_id,
    coalesce(r.currency, '(none)') as currency,
    o.destination,
    o.people,
    o.missed,
    o.imported_late,
    cast(coalesce(w.open_people, 0) as bigint) as open_people,
    t.first_reported_on,
    t.told_hour - b.begun_hour as hours_until_reported,
    r.expected,
    r.expected_low,
    r.expected_high
from outages as o
left join begun as b on b.begun_outage = o.outage_id
left join told as t on t.of_outage = o.outage_id
left join waiting as w on w.waiting_outage = o.outage_id
left join risks as r on r.risk_outage = o.outage_id
order by outage_id, currency
