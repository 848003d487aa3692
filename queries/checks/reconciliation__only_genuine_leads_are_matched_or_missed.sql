-- Only genuine leads are matched, missed or pending; every other lead is excluded.
-- grain: one row per lead and destination with another verdict
-- key:   lead_id, destination
-- reads: leads, reconciliation
select r.lead_id, r.destination
from reconciliation as r
inner join leads as l on l.lead_id = r.lead_id
where l.kind <> 'genuine' and r.verdict <> 'excluded'
order by lead_id, destination
