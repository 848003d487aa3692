-- Funnel by country: how many people of each country reach each stage.
-- grain: one row per country; a person counts once, where the newest known country or phone says
-- key:   country_code
-- reads: funnel_groups
select
    name as country_code,
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
where grouped_by = 'country'
order by country_code
