-- Every lead has a verdict, at every destination it goes to or at none.
-- grain: one row per lead without a verdict
-- key:   lead_id
-- reads: leads, reconciliation
select l.lead_id
from leads as l
left join (select distinct lead_id, 1 as told from reconciliation) as r on r.lead_id = l.lead_id
where r.told is null
order by lead_id
