-- Funnel by campaign: how many people of each campaign reach each stage, by the first and by the last touch.
-- grain: one row per touch and campaign; touch is first or last: the campaign of the person's first or last genuine lead
-- key:   touch, campaign
-- reads: funnel_groups
select
    grouped_by as touch,
    name as campaign,
    people,
    trial,
    interest,
    contact,
    purchase,
    in_crm,
    qualified,
    won,
    purchase_rate,
    purchase_rate_low,
    purchase_rate_high
from funnel_groups
where grouped_by in ('first', 'last')
order by touch, campaign
