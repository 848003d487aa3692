-- At risk: what the people who never arrived would bring, by what people like them brought before.
-- grain: one row per destination, outage, offer and stage of open missed people
-- key:   destination, outage_id, offer_id, stage
-- reads: missed_leads, journey_stages, reconciliation, crm_records, identities, leads, coverage, offer_values, local_days
with

knowledge as (
    select max(case when has_opportunities then 1 else 0 end) as opportunities
    from coverage
),

-- Who waits to be brought back. Nobody is counted twice in a row; one who is lost at two CRMs stands in two rows.
waiting as (
    select
        destination,
        coalesce(outage_id, '(none)') as outage_id,
        coalesce(offer_id, '(none)') as offer_id,
        stage,
        count(distinct coalesce(person_id, lead_id)) as people
    from missed_leads
    where status = 'new' or status = 'open' or status = 'replayed'
    group by destination, coalesce(outage_id, '(none)'), coalesce(offer_id, '(none)'), stage
),

-- What won deals brought, and when they were last changed: the nearest to when they were won that exports tell.
won_records as (
    select
        i.person_id as deal_person,
        coalesce(l.offer_id, '(none)') as deal_offer,
        coalesce(c.currency, '(unknown)') as currency,
        c.amount,
        c.won_at
    from reconciliation as r
    inner join crm_records as c on c.destination = r.destination and c.record_id = r.record_id
    inner join leads as l on l.lead_id = r.lead_id
    inner join identities as i on i.lead_id = l.lead_id
    where r.verdict = 'matched' and c.outcome = 'won' and i.person_id is not null
),

deals as (
    select deal_person, deal_offer, currency, max(amount) as amount, min(won_at) as won_at
    from won_records
    group by deal_person, deal_offer, currency
),

utc_days as (
    select distinct utc_date from local_days
),

day_numbers as (
    select utc_date, row_number() over (order by utc_date) as day_number
    from utc_days
),

-- The day of the first lead of each journey that was delivered, and of the end.
delivered as (
    select j.person_id, j.offer_id, j.trial, j.interest, j.contact, j.purchase, j.won, cast(d.day_number as bigint) as begun
    from journey_stages as j
    inner join day_numbers as d on d.utc_date = cast(j.first_at as date)
    where j.arrived > 0 and j.offer_id <> '(all)'
),

today as (
    select max(cast(day_number as bigint)) as day_number from day_numbers
),

won_days as (
    select a.person_id, a.offer_id, max(cast(d.day_number as bigint)) - max(a.begun) as days
    from delivered as a
    inner join deals as w on w.deal_person = a.person_id and w.deal_offer = a.offer_id
    inner join day_numbers as d on d.utc_date = cast(w.won_at as date)
    group by a.person_id, a.offer_id
),

ranked_days as (
    select days, row_number() over (order by days, person_id, offer_id) as nth from won_days
),

all_won as (
    select count(days) as n from won_days
),

-- Nine in ten of those who were won were won within so many days: younger journeys are not judged yet.
patience as (
    select min(case when r.nth * 10 >= a.n * 9 then r.days end) as days
    from ranked_days as r
    cross join all_won as a
),

ripe as (
    select a.person_id, a.offer_id, a.trial, a.interest, a.contact, a.purchase, a.won
    from delivered as a
    cross join patience as p
    cross join today as t
    cross join knowledge as k
    where k.opportunities = 1 and t.day_number - a.begun > p.days
),

stages as (
    select 'trial' as stage
    union all
    select 'interest' as stage
    union all
    select 'contact' as stage
    union all
    select 'purchase' as stage
),

by_stage as (
    select
        r.offer_id,
        s.stage,
        case s.stage when 'trial' then r.trial when 'interest' then r.interest when 'contact' then r.contact
            else r.purchase end as reached,
        r.won
    from ripe as r
    cross join stages as s
),

shares_of_offers as (
    select offer_id as of_offer, stage as of_stage, cast(sum(reached) as double) as n,
        cast(sum(case when reached = 1 then won else 0 end) as double) as k
    from by_stage
    group by offer_id, stage
),

shares_of_all as (
    select stage as any_stage, cast(sum(reached) as double) as n_all,
        cast(sum(case when reached = 1 then won else 0 end) as double) as k_all
    from by_stage
    group by stage
),

-- Below thirty people a share says too little: then that of all offers, then none.
chosen as (
    select
        w.destination,
        w.outage_id,
        w.offer_id,
        w.stage,
        cast(w.people as double) as people,
        case when o.n >= 30.0 then 'offer' when a.n_all >= 30.0 then 'all offers' else 'too thin' end as history,
        case when o.n >= 30.0 then o.n when a.n_all >= 30.0 then a.n_all end as n,
        case when o.n >= 30.0 then o.k when a.n_all >= 30.0 then a.k_all end as k
    from waiting as w
    left join shares_of_offers as o on o.of_offer = w.offer_id and o.of_stage = w.stage
    left join shares_of_all as a on a.any_stage = w.stage
),

-- Of each offer the amounts in the currency that most of its deals are in.
currencies as (
    select deal_offer, currency, 0 - cast(count(amount) as bigint) as fewer
    from deals
    where amount is not null
    group by deal_offer, currency
),

ranked_currencies as (
    select deal_offer, currency, row_number() over (partition by deal_offer order by fewer, currency) as nth
    from currencies
),

amounts as (
    select d.deal_offer, d.currency, d.amount,
        row_number() over (partition by d.deal_offer order by d.amount, d.deal_person) as nth
    from deals as d
    inner join ranked_currencies as c on c.deal_offer = d.deal_offer and c.currency = d.currency
    where c.nth = 1 and d.amount is not null
),

counted_amounts as (
    select deal_offer as counted_offer, count(nth) as n
    from amounts
    group by deal_offer
),

medians as (
    select a.deal_offer as median_offer, max(a.currency) as median_currency,
        round(cast(min(case when a.nth * 2 >= c.n then a.amount end) as double), 2) as median_won
    from amounts as a
    inner join counted_amounts as c on c.counted_offer = a.deal_offer
    group by a.deal_offer
),

valued as (
    select
        c.destination,
        c.outage_id,
        c.offer_id,
        c.stage,
        c.people,
        c.history,
        c.n,
        c.k,
        coalesce(m.median_won, round(cast(v.amount as double), 2)) as median_won,
        coalesce(m.median_currency, v.currency) as currency
    from chosen as c
    left join medians as m on m.median_offer = c.offer_id
    left join offer_values as v on v.offer_id = c.offer_id
),

-- Wilson's score interval, as in funnel.sql.
bounds as (
    select
        destination,
        outage_id,
        offer_id,
        stage,
        people,
        history,
        n,
        median_won,
        currency,
        k / nullif(n, 0.0) as won_rate,
        case when k = 0.0 then 0.0 else
            (k + 1.9207294103470618
                - 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0.0) + 0.9603647051735309))
            / (n + 3.8414588206941236)
        end as won_rate_low,
        case when k = n then 1.0 else
            (k + 1.9207294103470618
                + 1.959963984540054 * sqrt(k * (n - k) / nullif(n, 0.0) + 0.9603647051735309))
            / (n + 3.8414588206941236)
        end as won_rate_high
    from valued
)

select
    destination,
    outage_id,
    offer_id,
    stage,
    cast(people as bigint) as people,
    won_rate,
    case when won_rate is null then null else won_rate_low end as won_rate_low,
    case when won_rate is null then null else won_rate_high end as won_rate_high,
    median_won,
    currency,
    people * won_rate * median_won as expected,
    case when won_rate is null then null else people * won_rate_low * median_won end as expected_low,
    case when won_rate is null then null else people * won_rate_high * median_won end as expected_high,
    history,
    cast(n as bigint) as history_people
from bounds
order by destination, outage_id, offer_id, stage
