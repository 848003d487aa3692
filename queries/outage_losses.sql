-- Outage losses: what each outage cost, and how long it took until somebody was told and until all of it was settled.
-- grain: one row per outage and currency of what is at risk; (none) where history is too thin
-- key:   outage_id, currency
-- reads: outages, missed_leads, recovered_leads, at_risk, calendar, local_days
with

utc_days as (
    select distinct utc_date from local_days
),

day_numbers as (
    select utc_date, row_number() over (order by utc_date) as day_number
    from utc_days
),

named as (
    select outage_id, first_reported_on from missed_leads
    union all
    select outage_id, first_reported_on from recovered_leads
),

reported as (
    select outage_id as of_outage, min(first_reported_on) as first_reported_on
    from named
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

-- What people settled, and when the report found it; one row for each outage with a lead that is still missing.
settled as (
    select
        outage_id as settled_outage,
        cast(sum(case when status = 'closed' then 1 else 0 end) as bigint) as closed,
        cast(sum(case when status = 'closed' then 0 else 1 end) as bigint) as unsettled,
        max(settled_on) as closed_on
    from missed_leads
    where outage_id is not null
    group by outage_id
),

closed as (
    select
        s.settled_outage as closed_outage,
        cast(d.day_number as bigint) * 24 + cast(extract(hour from c.ends_at) as bigint) as closed_hour
    from settled as s
    inner join calendar as c on c.day = s.closed_on
    inner join day_numbers as d on d.utc_date = cast(c.ends_at as date)
),

imported as (
    select
        o.outage_id as imported_outage,
        cast(d.day_number as bigint) * 24 + cast(extract(hour from o.last_imported_at) as bigint) as imported_hour
    from outages as o
    inner join day_numbers as d on d.utc_date = cast(o.last_imported_at as date)
),

ended as (
    select
        o.outage_id as ended_outage,
        coalesce(s.closed, 0) as closed,
        -- Of an outage of the store nobody can say that all of it came back.
        case
            when o.destination = '' or coalesce(s.unsettled, 0) > 0 then null
            when i.imported_hour is null or l.closed_hour > i.imported_hour then l.closed_hour
            else i.imported_hour
        end as settled_hour
    from outages as o
    left join settled as s on s.settled_outage = o.outage_id
    left join closed as l on l.closed_outage = o.outage_id
    left join imported as i on i.imported_outage = o.outage_id
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
        round(cast(sum(cast(floor(expected * 100.0 + 0.5) as bigint)) as double) / 100.0, 2) as expected,
        round(cast(sum(cast(floor(expected_low * 100.0 + 0.5) as bigint)) as double) / 100.0, 2) as expected_low,
        round(cast(sum(cast(floor(expected_high * 100.0 + 0.5) as bigint)) as double) / 100.0, 2) as expected_high
    from at_risk
    group by outage_id, case when expected is null then '(none)' else coalesce(currency, '(unknown)') end
)

select
    o.outage_id,
    coalesce(r.currency, '(none)') as currency,
    o.destination,
    o.people,
    o.missed,
    o.imported_late as recovered,
    cast(coalesce(e.closed, 0) as bigint) as closed,
    cast(coalesce(w.open_people, 0) as bigint) as open_people,
    t.first_reported_on,
    t.told_hour - b.begun_hour as hours_until_reported,
    e.settled_hour - b.begun_hour as hours_until_settled,
    r.expected,
    r.expected_low,
    r.expected_high
from outages as o
left join begun as b on b.begun_outage = o.outage_id
left join told as t on t.of_outage = o.outage_id
left join ended as e on e.ended_outage = o.outage_id
left join waiting as w on w.waiting_outage = o.outage_id
left join risks as r on r.risk_outage = o.outage_id
order by outage_id, currency
