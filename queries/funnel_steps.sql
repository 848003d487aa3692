-- Funnel steps: how many people get how far in a sale, and how long a step takes.
-- grain: one row per offer and step, in the order of a sale: 1 trial, 2 interest, 3 contact, 4 qualified, 5 purchase, 6 won;
--        (all) counts each person once
-- key:   offer_id, step
-- reads: journey_stages, coverage, local_days
with

knowledge as (
    select max(case when has_opportunities then 1 else 0 end) as opportunities
    from coverage
),

steps as (
    select 1 as step, 'trial' as stage
    union all
    select 2 as step, 'interest' as stage
    union all
    select 3 as step, 'contact' as stage
    union all
    select 4 as step, 'qualified' as stage
    union all
    select 5 as step, 'purchase' as stage
    union all
    select 6 as step, 'won' as stage
),

-- The furthest step of each journey: whoever is further has come past what lies before, whatever was skipped.
journeys_far as (
    select
        j.offer_id,
        j.person_id,
        case
            when j.won = 1 and k.opportunities = 1 then 6
            when j.purchase = 1 then 5
            when j.qualified = 1 then 4
            when j.contact = 1 then 3
            when j.interest = 1 then 2
            when j.trial = 1 then 1
            else 0
        end as furthest,
        j.trial,
        j.interest,
        j.contact,
        j.qualified,
        j.purchase,
        j.won
    from journey_stages as j
    cross join knowledge as k
),

reached as (
    select
        f.offer_id,
        s.step,
        s.stage,
        cast(count(f.person_id) as double) as people,
        cast(sum(case when f.furthest >= s.step then 1 else 0 end) as double) as at_least,
        cast(sum(case when f.furthest >= s.step - 1 then 1 else 0 end) as double) as from_here,
        cast(
            sum(
                case s.stage
                    when 'trial' then f.trial
                    when 'interest' then f.interest
                    when 'contact' then f.contact
                    when 'qualified' then f.qualified
                    when 'purchase' then f.purchase
                    else f.won
                end
            ) as bigint
        ) as itself
    from journeys_far as f
    cross join steps as s
    group by f.offer_id, s.step, s.stage
),

-- Seconds of every act, by parts that every engine has: days are numbered, for none of them has gaps.
utc_days as (
    select distinct utc_date from local_days
),

day_numbers as (
    select utc_date, row_number() over (order by utc_date) as day_number
    from utc_days
),

acts as (
    select offer_id, person_id, 1 as act_step, trial_at as act_at from journey_stages where trial_at is not null
    union all
    select offer_id, person_id, 2 as act_step, interest_at as act_at from journey_stages where interest_at is not null
    union all
    select offer_id, person_id, 3 as act_step, contact_at as act_at from journey_stages where contact_at is not null
    union all
    select offer_id, person_id, 5 as act_step, purchase_at as act_at from journey_stages where purchase_at is not null
),

later as (
    select
        a.offer_id,
        a.person_id,
        a.act_step,
        cast(d.day_number as bigint) * 86400 + cast(extract(hour from a.act_at) as bigint) * 3600
            + cast(extract(minute from a.act_at) as bigint) * 60 + cast(extract(second from a.act_at) as bigint) as act_second
    from acts as a
    inner join day_numbers as d on d.utc_date = cast(a.act_at as date)
),

earlier as (
    select offer_id as of_offer, person_id as of_person, act_step as earlier_step, act_second as earlier_second
    from later
),

-- From the act before to this one: the latest act of an earlier stage of the same journey that came no later.
waits as (
    select a.offer_id, a.person_id, a.act_step, min(a.act_second) - max(e.earlier_second) as waited
    from later as a
    inner join earlier as e on e.of_offer = a.offer_id and e.of_person = a.person_id
    where e.earlier_step < a.act_step and e.earlier_second <= a.act_second
    group by a.offer_id, a.person_id, a.act_step
),

ranked as (
    select
        offer_id,
        act_step,
        waited,
        row_number() over (partition by offer_id, act_step order by waited, person_id) as nth
    from waits
),

timed as (
    select offer_id, act_step, count(nth) as timed
    from ranked
    group by offer_id, act_step
),

-- The nearest rank: the value that half, or nine in ten, do not exceed.
spans as (
    select
        r.offer_id as span_offer,
        r.act_step as span_step,
        cast(max(t.timed) as bigint) as timed,
        cast(min(case when r.nth * 2 >= t.timed then r.waited end) as double) as median_wait,
        cast(min(case when r.nth * 10 >= t.timed * 9 then r.waited end) as double) as p90_wait
    from ranked as r
    inner join timed as t on t.offer_id = r.offer_id and t.act_step = r.act_step
    group by r.offer_id, r.act_step
)

-- Wilson's score interval, as in funnel.sql.
select
    r.offer_id,
    cast(r.step as bigint) as step,
    r.stage,
    cast(r.people as bigint) as people,
    cast(r.at_least as bigint) as reached,
    r.itself,
    r.at_least / nullif(r.people, 0.0) as rate,
    case when r.at_least = 0.0 then 0.0 else
        (r.at_least + 1.9207294103470618
            - 1.959963984540054 * sqrt(r.at_least * (r.people - r.at_least) / nullif(r.people, 0.0) + 0.9603647051735309))
        / (r.people + 3.8414588206941236)
    end as rate_low,
    case when r.at_least = r.people then 1.0 else
        (r.at_least + 1.9207294103470618
            + 1.959963984540054 * sqrt(r.at_least * (r.people - r.at_least) / nullif(r.people, 0.0) + 0.9603647051735309))
        / (r.people + 3.8414588206941236)
    end as rate_high,
    r.at_least / nullif(r.from_here, 0.0) as step_rate,
    case when r.from_here = 0.0 then null when r.at_least = 0.0 then 0.0 else
        (r.at_least + 1.9207294103470618
            - 1.959963984540054 * sqrt(r.at_least * (r.from_here - r.at_least) / nullif(r.from_here, 0.0) + 0.9603647051735309))
        / (r.from_here + 3.8414588206941236)
    end as step_rate_low,
    case when r.from_here = 0.0 then null when r.at_least = r.from_here then 1.0 else
        (r.at_least + 1.9207294103470618
            + 1.959963984540054 * sqrt(r.at_least * (r.from_here - r.at_least) / nullif(r.from_here, 0.0) + 0.9603647051735309))
        / (r.from_here + 3.8414588206941236)
    end as step_rate_high,
    coalesce(w.timed, 0) as timed,
    w.median_wait as median_seconds,
    w.p90_wait as p90_seconds
from reached as r
cross join knowledge as k
left join spans as w on w.span_offer = r.offer_id and w.span_step = r.step
where r.stage <> 'won' or k.opportunities = 1
order by offer_id, step
