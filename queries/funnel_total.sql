-- Funnel, all months together: how many people reach each stage.
-- grain: one row per offer and stage, storefronts and months together; (all) counts each person once
-- key:   offer_id, step
-- reads: funnel
with

stages as (
    select 1 as step, 'trial' as stage
    union all
    select 2 as step, 'interest' as stage
    union all
    select 3 as step, 'contact' as stage
    union all
    select 4 as step, 'purchase' as stage
    union all
    select 5 as step, 'in_crm' as stage
    union all
    select 6 as step, 'qualified' as stage
    union all
    select 7 as step, 'won' as stage
),

totals as (
    select
        f.offer_id,
        s.step,
        s.stage,
        sum(f.people) as people,
        count(f.won) as won_known,
        sum(
            case s.stage
                when 'trial' then f.trial
                when 'interest' then f.interest
                when 'contact' then f.contact
                when 'purchase' then f.purchase
                when 'in_crm' then f.in_crm
                when 'qualified' then f.qualified
                else f.won
            end
        ) as reached
    from funnel as f
    cross join stages as s
    where f.storefront = '(all)'
    group by f.offer_id, s.step, s.stage
),

doubles as (
    select offer_id, step, stage, people, reached, cast(people as double) as n, cast(reached as double) as k
    from totals
    where people > 0 and (stage <> 'won' or won_known > 0)
)

-- Wilson's score interval, as in funnel.sql.
select
    offer_id,
    cast(step as bigint) as step,
    stage,
    cast(people as bigint) as people,
    cast(reached as bigint) as reached,
    k / nullif(n, 0.0) as rate,
    case when k = 0.0 then 0.0 else
        (k + 1.9207294103470618
            - 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0.0) + 0.9603647051735309))
        / (n + 3.8414588206941236)
    end as rate_low,
    case when k = n then 1.0 else
        (k + 1.9207294103470618
            + 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0.0) + 0.9603647051735309))
        / (n + 3.8414588206941236)
    end as rate_high
from doubles
order by offer_id, step
