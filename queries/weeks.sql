-- Weeks: what became of the leads of each week.
-- grain: one row per destination and week (Monday, report's time zone), weeks without leads included
-- key:   destination, week
-- reads: reconciliation, calendar, coverage, local_days
with

named as (
    select destination from coverage
    union
    select destination from reconciliation
),

week_list as (
    select distinct week from calendar
),

frame as (
    select n.destination, w.week
    from named as n
    cross join week_list as w
    where n.destination <> ''
),

counted as (
    select
        r.destination,
        d.week,
        sum(case when r.verdict = 'matched' then 1 else 0 end) as matched,
        sum(case when r.verdict = 'missed' then 1 else 0 end) as missed,
        sum(case when r.verdict = 'pending' then 1 else 0 end) as pending,
        sum(case when r.verdict = 'excluded' then 1 else 0 end) as excluded
    from reconciliation as r
    inner join local_days as d on d.utc_date = cast(r.received_at as date)
    where r.received_at >= d.starts_at and r.received_at < d.ends_at
    group by r.destination, d.week
)

select
    f.destination,
    f.week,
    cast(coalesce(c.matched, 0) as bigint) as matched,
    cast(coalesce(c.missed, 0) as bigint) as missed,
    cast(coalesce(c.pending, 0) as bigint) as pending,
    cast(coalesce(c.excluded, 0) as bigint) as excluded
from frame as f
left join counted as c on c.destination = f.destination and c.week = f.week
order by destination, week
