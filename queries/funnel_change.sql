-- Funnel change: the last whole month against the month before.
-- grain: one row per offer and stage, all storefronts; difference and its 95 % interval (Newcombe 1998, method 10)
-- key:   offer_id, stage
-- reads: funnel, run
with

-- A month counts once its last day is over. Numbers of one kind: engines differ in what they extract.
dates as (
    select
        cast(extract(year from as_of) as bigint) as y,
        cast(extract(month from as_of) as bigint) as m,
        cast(extract(day from as_of) as bigint) as d
    from run
),

whole as (
    select
        y * 12 + m as number,
        case
            when d = 31 then 1
            when d = 30 and (m = 4 or m = 6 or m = 9 or m = 11) then 1
            when d = 29 and m = 2 then 1
            when d = 28 and m = 2 and (y % 4 <> 0 or (y % 100 = 0 and y % 400 <> 0)) then 1
            else 0
        end as is_over
    from dates
),

months as (
    select distinct period from funnel
),

ended as (
    select m.period
    from months as m
    cross join whole as w
    where cast(extract(year from m.period) as bigint) * 12 + cast(extract(month from m.period) as bigint)
        < w.number + w.is_over
),

ordered as (
    select period, row_number() over (order by period desc) as back
    from ended
),

stages as (
    select 'interest' as stage
    union all
    select 'contact' as stage
    union all
    select 'qualified' as stage
    union all
    select 'purchase' as stage
    union all
    select 'in_crm' as stage
    union all
    select 'won' as stage
),

shares as (
    select
        f.offer_id,
        s.stage,
        o.back,
        f.period,
        f.people,
        case s.stage
            when 'interest' then f.interest_rate
            when 'contact' then f.contact_rate
            when 'qualified' then f.qualified_rate
            when 'purchase' then f.purchase_rate
            when 'in_crm' then f.in_crm_rate
            else f.won_rate
        end as rate,
        case s.stage
            when 'interest' then f.interest_rate_low
            when 'contact' then f.contact_rate_low
            when 'qualified' then f.qualified_rate_low
            when 'purchase' then f.purchase_rate_low
            when 'in_crm' then f.in_crm_rate_low
            else f.won_rate_low
        end as low,
        case s.stage
            when 'interest' then f.interest_rate_high
            when 'contact' then f.contact_rate_high
            when 'qualified' then f.qualified_rate_high
            when 'purchase' then f.purchase_rate_high
            when 'in_crm' then f.in_crm_rate_high
            else f.won_rate_high
        end as high
    from funnel as f
    inner join ordered as o on o.period = f.period
    cross join stages as s
    where f.storefront = '(all)' and o.back <= 2
),

pairs as (
    select
        offer_id,
        stage,
        max(case when back = 1 then period end) as period,
        max(case when back = 2 then period end) as period_before,
        max(case when back = 1 then people end) as people,
        max(case when back = 2 then people end) as people_before,
        max(case when back = 1 then rate end) as rate,
        max(case when back = 2 then rate end) as rate_before,
        max(case when back = 1 then low end) as low,
        max(case when back = 2 then low end) as low_before,
        max(case when back = 1 then high end) as high,
        max(case when back = 2 then high end) as high_before
    from shares
    where rate is not null
    group by offer_id, stage
)

select
    offer_id,
    stage,
    period,
    period_before,
    people,
    people_before,
    rate,
    rate_before,
    rate - rate_before as difference,
    rate - rate_before
        - sqrt((rate - low) * (rate - low) + (high_before - rate_before) * (high_before - rate_before)) as difference_low,
    rate - rate_before
        + sqrt((high - rate) * (high - rate) + (rate_before - low_before) * (rate_before - low_before)) as difference_high
from pairs
where rate is not null and rate_before is not null
order by offer_id, stage
