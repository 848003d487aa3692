-- Funnel: how many people reach each stage.
-- grain: one row per period, offer and storefront; a journey counts in the month and storefront of its first lead;
--        in rows of (all) a person counts once, in the month and storefront of the first lead of all
-- key:   period, offer_id, storefront
-- reads: journey_stages, coverage, calendar
with

-- A person with opportunities is known to have won or not; without them nobody is.
knowledge as (
    select max(case when has_opportunities then 1 else 0 end) as opportunities
    from coverage
),

-- The storefront's own row, and the row of all.
levels as (
    select 'one' as level
    union all
    select 'all' as level
),

first_month as (
    select min(period) as first_period from journey_stages
),

counted as (
    select period, offer_id, storefront, trial, interest, contact, purchase, in_crm, qualified, won, 1 as people
    from journey_stages
    union all
    -- A month without leads is a row of zeros, not a gap.
    select distinct c.month as period, '(all)' as offer_id, '(all)' as storefront, 0 as trial, 0 as interest, 0 as contact,
        0 as purchase, 0 as in_crm, 0 as qualified, 0 as won, 0 as people
    from calendar as c
    cross join first_month as f
    where c.month >= f.first_period
),

counts as (
    select
        c.period,
        c.offer_id,
        case when l.level = 'all' then '(all)' else c.storefront end as storefront,
        cast(sum(c.people) as bigint) as people,
        cast(sum(c.trial) as bigint) as trial,
        cast(sum(c.interest) as bigint) as interest,
        cast(sum(c.contact) as bigint) as contact,
        cast(sum(c.purchase) as bigint) as purchase,
        cast(sum(c.in_crm) as bigint) as in_crm,
        cast(sum(c.qualified) as bigint) as qualified,
        cast(sum(c.won) as bigint) as won
    from counted as c
    cross join levels as l
    group by c.period, c.offer_id, case when l.level = 'all' then '(all)' else c.storefront end
),

known as (
    select
        c.period,
        c.offer_id,
        c.storefront,
        c.people,
        c.trial,
        c.interest,
        c.contact,
        c.purchase,
        c.in_crm,
        c.qualified,
        case when k.opportunities = 1 then c.won end as won
    from counts as c
    cross join knowledge as k
),

stages as (
    select 'trial' as stage
    union all
    select 'interest' as stage
    union all
    select 'contact' as stage
    union all
    select 'purchase' as stage
    union all
    select 'in_crm' as stage
    union all
    select 'qualified' as stage
    union all
    select 'won' as stage
),

shares as (
    select
        c.period,
        c.offer_id,
        c.storefront,
        s.stage,
        cast(c.people as double) as n,
        cast(
            case s.stage
                when 'trial' then c.trial
                when 'interest' then c.interest
                when 'contact' then c.contact
                when 'purchase' then c.purchase
                when 'in_crm' then c.in_crm
                when 'qualified' then c.qualified
                else c.won
            end as double
        ) as k
    from known as c
    cross join stages as s
),

-- Wilson's score interval with z = 1.959963984540054, that is z² = 3.8414588206941236 (Wilson 1927).
bounds as (
    select
        period,
        offer_id,
        storefront,
        stage,
        k / nullif(n, 0.0) as rate,
        case when k = 0.0 then 0.0 else
            (k + 1.9207294103470618
                - 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0.0) + 0.9603647051735309))
            / (n + 3.8414588206941236)
        end as low,
        case when k = n then 1.0 else
            (k + 1.9207294103470618
                + 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0.0) + 0.9603647051735309))
            / (n + 3.8414588206941236)
        end as high
    from shares
    where n > 0.0 and k is not null
),

rates as (
    select
        period,
        offer_id,
        storefront,
        max(case when stage = 'trial' then rate end) as trial_rate,
        max(case when stage = 'trial' then low end) as trial_rate_low,
        max(case when stage = 'trial' then high end) as trial_rate_high,
        max(case when stage = 'interest' then rate end) as interest_rate,
        max(case when stage = 'interest' then low end) as interest_rate_low,
        max(case when stage = 'interest' then high end) as interest_rate_high,
        max(case when stage = 'contact' then rate end) as contact_rate,
        max(case when stage = 'contact' then low end) as contact_rate_low,
        max(case when stage = 'contact' then high end) as contact_rate_high,
        max(case when stage = 'purchase' then rate end) as purchase_rate,
        max(case when stage = 'purchase' then low end) as purchase_rate_low,
        max(case when stage = 'purchase' then high end) as purchase_rate_high,
        max(case when stage = 'in_crm' then rate end) as in_crm_rate,
        max(case when stage = 'in_crm' then low end) as in_crm_rate_low,
        max(case when stage = 'in_crm' then high end) as in_crm_rate_high,
        max(case when stage = 'qualified' then rate end) as qualified_rate,
        max(case when stage = 'qualified' then low end) as qualified_rate_low,
        max(case when stage = 'qualified' then high end) as qualified_rate_high,
        max(case when stage = 'won' then rate end) as won_rate,
        max(case when stage = 'won' then low end) as won_rate_low,
        max(case when stage = 'won' then high end) as won_rate_high
    from bounds
    group by period, offer_id, storefront
)

select
    k.period,
    k.offer_id,
    k.storefront,
    k.people,
    k.trial,
    k.interest,
    k.contact,
    k.purchase,
    k.in_crm,
    k.qualified,
    k.won,
    r.trial_rate,
    r.trial_rate_low,
    r.trial_rate_high,
    r.interest_rate,
    r.interest_rate_low,
    r.interest_rate_high,
    r.contact_rate,
    r.contact_rate_low,
    r.contact_rate_high,
    r.purchase_rate,
    r.purchase_rate_low,
    r.purchase_rate_high,
    r.in_crm_rate,
    r.in_crm_rate_low,
    r.in_crm_rate_high,
    r.qualified_rate,
    r.qualified_rate_low,
    r.qualified_rate_high,
    r.won_rate,
    r.won_rate_low,
    r.won_rate_high
from known as k
left join rates as r on r.period = k.period and r.offer_id = k.offer_id and r.storefront = k.storefront
order by period, offer_id, storefront
