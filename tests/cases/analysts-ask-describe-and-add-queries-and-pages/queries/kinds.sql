select kind, count(*) as n from leads group by kind order by n desc, kind
