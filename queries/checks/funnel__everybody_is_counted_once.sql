-- The rows for all offers and storefronts count every person with a genuine lead once.
-- grain: one row if they do not
-- key:   counted
-- reads: funnel, journeys
with

in_funnel as (
    select coalesce(sum(people), 0) as counted
    from funnel
    where offer_id = '(all)' and storefront = '(all)'
),

in_journeys as (
    select cast(count(distinct person_id) as bigint) as there
    from journeys
)

select f.counted, j.there
from in_funnel as f
cross join in_journeys as j
where f.counted <> j.there
order by counted
