-- Every matched lead names a record that an export held.
-- grain: one row per matched lead without one
-- key:   lead_id, destination
-- reads: reconciliation, crm_records
select r.lead_id, r.destination
from reconciliation as r
left join crm_records as c on c.destination = r.destination and c.record_id = r.record_id
where r.verdict = 'matched' and c.object is null
order by lead_id, destination
