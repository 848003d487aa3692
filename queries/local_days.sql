-- Local days: the days of the report's time zone by the UTC dates they touch, to join instants by equality.
-- grain: one row per local day and UTC date; an instant of a shared date belongs to the day whose bounds hold it
-- key:   day, utc_date
-- reads: calendar
with

touched as (
    select day, week, month, starts_at, ends_at, cast(starts_at as date) as utc_date from calendar
    union
    select day, week, month, starts_at, ends_at, cast(ends_at as date) as utc_date from calendar
)

select day, utc_date, week, month, starts_at, ends_at
from touched
order by day, utc_date
