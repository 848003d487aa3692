-- No stage of the funnel has more people than there are, and nobody wins who is not qualified.
-- grain: one row per row of the funnel that breaks it
-- key:   period, offer_id, storefront
-- reads: funnel
select period, offer_id, storefront
from funnel
where trial > people or interest > people or contact > people or purchase > people or in_crm > people
    or qualified > in_crm or won > qualified
order by period, offer_id, storefront
