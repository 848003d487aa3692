-- No missed lead is a test, do-not-contact, withheld or internal one.
-- grain: one row per missed lead that is
-- key:   lead_id, destination
-- reads: missed_leads, leads
select m.lead_id, m.destination
from missed_leads as m
inner join leads as l on l.lead_id = m.lead_id
where l.kind <> 'genuine'
order by lead_id, destination
