#!/usr/bin/env python3
"""Makes the reference lists under src/contact/ from public packages. Run by hand when they should be renewed:

    pip install babel phonenumbers nicknames cleanco pycountry
    npm pack free-email-domains && tar xzf free-email-domains-*.tgz
    python scripts/contact_data.py package/domains.json

Sources and licences: country names from Unicode CLDR through Babel (Unicode-3.0); numbering plans from
libphonenumber through phonenumbers (Apache-2.0); nicknames from carltonnorthern/nicknames (Apache-2.0); free-mail
domains from Kikobeats/free-email-domains (MIT); legal forms from psolin/cleanco (MIT), with additions of our own.
"""
import csv, json, pathlib, re, sys

OUT = pathlib.Path(__file__).resolve().parent.parent / "src" / "contact"

# The languages of Europe, and those in which the marketplace is translated.
LANGUAGES = """en de fr es it pt nl sv da nb nn fi pl cs sk hu ro bg el hr sr sl et lv lt ga mt is tr uk ru be ca eu gl
sq mk bs lb cy fo ja ko zh zh_Hant ar he hi id th vi ms fil""".split()

# What people type beside official names.
ALSO = {
    "US": ["usa", "u.s.", "u.s.a.", "united states of america", "america"],
    "GB": ["uk", "u.k.", "great britain", "england", "scotland", "wales", "northern ireland", "britain"],
    "AE": ["uae", "u.a.e.", "emirates", "الإمارات"], "NL": ["holland", "the netherlands"], "CZ": ["czech republic", "tschechische republik"],
    "KR": ["korea", "south korea", "republic of korea"], "RU": ["russian federation"], "TW": ["taiwan"],
    "HK": ["hong kong", "hong kong sar"], "MO": ["macau", "macao"], "TR": ["turkey", "turkiye"], "MK": ["macedonia"],
    "CN": ["people's republic of china", "prc", "p.r. china"], "VN": ["viet nam"], "IR": ["iran"], "SY": ["syria"],
    "DE": ["bundesrepublik deutschland", "brd"], "IE": ["republic of ireland", "eire"], "BO": ["bolivia"],
    "VE": ["venezuela"], "TZ": ["tanzania"], "MD": ["moldova"], "LA": ["laos"], "CI": ["ivory coast"],
    "CV": ["cape verde"], "SZ": ["swaziland"], "MM": ["burma"], "BN": ["brunei"], "PS": ["palestine"],
    "CD": ["drc", "democratic republic of the congo"], "CG": ["congo"], "BA": ["bosnia"], "VA": ["vatican"],
    "FR": ["république française"], "IN": ["bharat"], "ES": ["reino de españa"], "IT": ["repubblica italiana"],
    "PT": ["república portuguesa"], "AT": ["republik österreich"], "BR": ["república federativa do brasil"],
    "MX": ["estados unidos mexicanos"], "CH": ["schweizerische eidgenossenschaft"],
}


def countries():
    from babel import Locale
    import phonenumbers
    from phonenumbers import PhoneMetadata
    import pycountry

    alpha3 = {c.alpha_2: c.alpha_3 for c in pycountry.countries}
    # The names of the standard itself, as pick-lists of CRMs have them: "Korea, Republic of".
    iso = {c.alpha_2: {n.lower() for n in (c.name, getattr(c, "official_name", None), getattr(c, "common_name", None)) if n}
           for c in pycountry.countries}
    rows = []
    locales = [Locale.parse(l) for l in LANGUAGES]
    codes = sorted(c for c in locales[0].territories if re.fullmatch("[A-Z]{2}", c)
                   and c not in {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})
    for code in codes:
        names = set()
        for locale in locales:
            name = locale.territories.get(code)
            if name:
                names.add(name.lower())
        names.update(ALSO.get(code, []), iso.get(code, ()))
        plan = PhoneMetadata.metadata_for_region(code)
        calling = trunk = idd = lengths = ""
        if plan:
            calling = str(plan.country_code)
            trunk = plan.national_prefix or ""
            idd = plan.preferred_international_prefix or plan.international_prefix or ""
            idd = "".join(c for c in idd if c.isdigit()) if re.fullmatch(r"[0-9~]+", idd) else ""
            possible = plan.general_desc.possible_length
            lengths = f"{min(possible)}-{max(possible)}"
        rows.append([code, alpha3.get(code, ""), calling, trunk, idd, lengths, "|".join(sorted(names))])
    with open(OUT / "countries.tsv", "w", encoding="utf-8") as f:
        f.write("# ISO 3166-1 alpha-2, alpha-3, calling code, trunk prefix, international prefix, lengths of a national"
                " number, names. By scripts/contact_data.py.\n")
        for r in rows:
            f.write("\t".join(r) + "\n")


def nicknames():
    import importlib.resources as resources
    formal = {}
    with (resources.files("nicknames") / "names.csv").open(encoding="utf-8") as f:
        for row in csv.DictReader(f):
            formal.setdefault(row["name1"], set()).add(row["name2"])
    # German, French, Spanish, Italian, Dutch, Polish and Slavic short forms that the English list does not have.
    own = """alexander:sascha,sasha,alex,alec,xander,sandro,aleksander,alexandre,alejandro,aleksandr,olek,sanya
alexandra:sandra,sascha,sasha,alex,alessandra,aleksandra,ola|andreas:andi,andy,andre,andrzej,andrey,andrei
antonio:toni,tonio,nino,toño,anton,anthony,tony,antoni,antoine|benjamin:ben,benny,benni|bernhard:bernd,bernard,berni
charlotte:lotte,lotta,charlie|christian:chris,christi,kris,krzysztof|christine:christina,tina,chris,kristin,kristina,chrissi
christoph:chris,christof,stoffel,christopher,krzysztof|daniel:dani,dan,danny,daniele|dieter:didi|dominik:domi,nik,dominique
dmitri:dima,mitya,dmitry,dmitrii,dimitri,dmytro|edward:eduard,edek,eddie,ed,eduardo|elisabeth:lisa,elsa,ilse,betti,sissi,liesl,elizabeth,else,elise,elżbieta,ela
ekaterina:katya,katja,kateryna,katia|emmanuel:manu,manuel,emanuel|eugen:evgeny,yevgeny,zhenya,gene,eugene,evgenij
fernando:nando|ferdinand:ferdi|florian:flo|francesco:franco,cesco,ciccio,francis,francois,francisco,franciszek
francisco:paco,pancho,curro,francis,fran,kiko,chico|franziska:franzi,sissi,ziska|franz:francis,frank
friedrich:fritz,fred,frederik,frederick,fryderyk|gabriele:gabi,gaby|georg:schorsch,george,jorge,jurgen,jerzy,giorgio,yuri,jiri
gerhard:gerd,gert,gerard,gerardo|giovanni:gianni,vanni,nanni,john,gian,juan,jean,johann|giuseppe:beppe,peppe,pino,joseph,jose,josef
gregor:greg,gregory,grzegorz,grigori|guillermo:memo,william,wilhelm,guillaume|hannah:hanna,anna,johanna|hans:johannes,johann,john
heinrich:heinz,heiner,heini,henry,henri,hendrik,enrico,enrique|helena:lena,helen,helene,elena,ilona
ignacio:nacho,ignaz|ilya:ilja,elias|isabel:bella,isa,isabella,isabelle,elizabeth|ivan:vanya,ivo,john,johan,jan
jacques:james,jacob,jakob|jakob:jacob,jake,kuba,jakub,jaap,james,diego,jaime|jean:john,jan,johann|jesus:chuy,chus
joachim:jochen,achim,joaquin|johannes:hans,jo,johann,jan,hannes,john,jens,johan|joao:john,juan|jorge:george,coque
jose:pepe,chepe,joseph,josef|josef:sepp,jupp,joseph,jozef,jose,beppo,joe,pepi|joseph:joe,jojo|juan:juanito,john|jurgen:jorg,jurg,georg
karl:carl,charles,carlo,carlos,karel,karol,charlie|katharina:kathi,katja,käthe,kati,katrin,catherine,katarzyna,kasia,karin,katherine,catarina
klaus:claus,nikolaus,nicholas,niklas|konstantin:kostya,kosta,konni,dinos|kurt:curt,konrad,conrad|lorenzo:enzo,lawrence,laurent,lorenz
ludwig:lutz,luis,louis,wiggerl|luis:lucho,louis,luigi,ludwig|magdalena:magda,lena,madeleine|małgorzata:gosia,margaret,margarete
manfred:manni,fred|marcus:markus,marc,mark,marco,marek|margarete:grete,gretel,greta,margaret,margit,rita,gitta,meg,marguerite,margarita
maria:mia,mitzi,marie,mary,masha,marija,maryam,miriam|mariusz:marius|martin:marty,tino,marcin|matthias:matze,hias,matthew,mathias,mateusz,mateo,matteo,mattias
maximilian:max,maxi,maxim|michael:michi,micha,mike,mick,michel,michal,mikhail,misha,miguel,michele,mikael,mihai,mikko
natalia:natasha,natascha,nata,talia,nathalie|nikolai:kolya,nick,nicolas,nikolaus,nicola,mikolaj,nikolay|olga:olya,helga
pablo:paul,paolo|pasquale:lino,pascal|patrick:paddy,pat,patrizio|pavel:pasha,paul,pawel,paweł|peter:pete,petr,pierre,pedro,piotr,pyotr,pietro,piet,petros
philipp:phil,philip,philippe,felipe,filip,filippo|pyotr:petya|rainer:reiner|roberto:beto,bob,robert,tito|rudolf:rudi,rolf,ralf,rudolph,rodolfo
salvatore:toto,turi,salvador,sal|samuel:sam,sami,samuele|sebastian:basti,bastian,seb,wastl,sebastien,sebastiano|sergei:seryozha,sergey,sergio,serge,serhiy,sergii
simon:simone,simeon,szymon|stanislav:stas,stan,slava,stanislaw,staszek|stefan:steffen,steve,stephan,steven,stephen,stephane,stefano,esteban,szczepan,etienne,istvan
susanne:susi,sanne,susan,suzanne,sanna,zuzanna,susana|svetlana:sveta,lana|tatiana:tanya,tanja,tania|theodor:theo,ted,teodoro,fyodor,fedor,theodore
thomas:tom,tommi,tomas,tommaso,tomasz,tamas,tomek|ulrich:uli,ulli,ulf|ursula:uschi,ulla,urszula|valentina:valya,tina|valentin:val
veronika:vroni,veronica,vera|viktor:vitya,victor,vic,vittorio|viktoria:vicky,vika,victoria,tori|vladimir:vova,volodya,vlad,vladi,wladimir,volodymyr
volker:volki|walter:walt,walti,gauthier,gualterio|werner:wernher|wilhelm:willi,willy,wim,william,guillermo,guglielmo,guillaume,helmut,vilhelm
wolfgang:wolf,wolfi|xavier:javier,xaver,javi,xavi|yuri:yura,george,juri,yurii|yusuf:joseph,youssef,yousef,josef|zbigniew:zbyszek
mohammed:muhammad,mohamed,mohammad,mehmet,muhammed,mo,mohd,md,mohamad,mamadou|abdul:abd,abdel,abdullah|ahmed:ahmad,ahmet,achmed|ali:aly|hussein:husain,hossein,hussain,huseyin
ibrahim:abraham,ebrahim,brahim|yahya:john,jahja|fatima:fatma,fatemeh,fatoumata|aisha:ayse,aicha,ayesha|omar:umar,omer|khaled:khalid,halid"""
    for entry in own.replace("\n", "|").split("|"):
        name, short = entry.split(":")
        formal.setdefault(name, set()).update(short.split(","))
    with open(OUT / "nicknames.csv", "w", encoding="utf-8") as f:
        f.write("# formal name, then its short and sister forms. By scripts/contact_data.py; English from"
                " carltonnorthern/nicknames, Apache-2.0.\n")
        for name in sorted(formal):
            f.write(",".join([name, *sorted(formal[name] - {name})]) + "\n")


def free_mail(path):
    domains = json.load(open(path))
    second = {"co", "com", "org", "net", "ne", "or", "ac", "edu", "gov", "in"}
    dynamic = re.compile(r"ddns|dyndns|dynv6|homeip|no-ip|myftp|servebbs|selfip|dnsalias|is-a-|blogdns|homelinux|homeunix|webhop|gotdns|theworkpc|mooo|firewall")
    keep = set()
    for d in domains:
        parts = d.lower().split(".")
        if (len(parts) == 2 or (len(parts) == 3 and parts[1] in second and len(parts[2]) == 2)) and not dynamic.search(d):
            keep.add(d.lower())
    keep |= {"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "icloud.com",
             "me.com", "mac.com", "aol.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de",
             "posteo.de", "mailbox.org", "proton.me", "protonmail.com", "pm.me", "tutanota.com", "fastmail.com", "hey.com",
             "mail.ru", "yandex.ru", "yandex.com", "qq.com", "163.com", "126.com", "naver.com", "daum.net", "hanmail.net",
             "orange.fr", "free.fr", "laposte.net", "wanadoo.fr", "sfr.fr", "libero.it", "virgilio.it", "tiscali.it",
             "telefonica.net", "wp.pl", "o2.pl", "onet.pl", "interia.pl", "seznam.cz", "bluewin.ch", "ziggo.nl", "kpnmail.nl",
             "telenet.be", "skynet.be", "comcast.net", "verizon.net", "att.net", "sbcglobal.net", "btinternet.com",
             "sky.com", "virginmedia.com", "rediffmail.com", "zoho.com", "uol.com.br", "bol.com.br", "terra.com.br"}
    with open(OUT / "free_mail.txt", "w", encoding="utf-8") as f:
        f.write("# domains whose mailboxes anybody can have. By scripts/contact_data.py from free-email-domains, MIT.\n")
        f.write("\n".join(sorted(keep)) + "\n")


def legal_forms():
    from cleanco import termdata
    terms = set()
    for group in (termdata.terms_by_type, termdata.terms_by_country):
        for values in group.values():
            terms.update(v.lower() for v in values)
    terms |= set("""gmbh,ag,kg,ohg,gbr,ug,e.k.,ek,kgaa,se,mbh,gmbh & co. kg,gmbh & co kg,ag & co. kg,ug (haftungsbeschränkt),
haftungsbeschränkt,ggmbh,gag,eg,e.v.,ev,sarl,s.à r.l.,sàrl,sas,s.a.s.,sasu,eurl,sa,s.a.,snc,scop,sci,scs,scrl,srl,s.r.l.,spa,
s.p.a.,sapa,snc,sas di,soc. coop.,s.l.,sl,s.l.u.,slu,s.a.u.,sau,s.c.,s.l.l.,lda,lda.,ltda,ltda.,eireli,me,epp,mei,bv,b.v.,nv,n.v.,
vof,cv,c.v.,bvba,sprl,ab,hb,kb,a/s,as,aps,i/s,k/s,ivs,asa,ans,da,oy,oyj,ky,osk,ehf,hf,sp. z o.o.,sp z oo,sp. z o. o.,spółka z o.o.,
spolka z oo,s.a.,sp. k.,sp. j.,s.r.o.,sro,spol. s r.o.,a.s.,v.o.s.,k.s.,kft,kft.,zrt,zrt.,nyrt,nyrt.,bt,bt.,kkt,d.o.o.,doo,d.d.,dd,
j.d.o.o.,a.d.,ad,ead,eood,ood,еоод,оод,ад,srl-d,pfa,ооо,оао,зао,пао,ао,ип,ooo,oao,zao,pao,тов,tov,тзов,фоп,ltd şti,ltd. şti.,a.ş.,
aş,limited şirketi,anonim şirketi,σια εε,ε.π.ε.,α.ε.,αε,οε,εε,i.k.e.,ike,epe,uab,ab,mb,sia,as,oü,ou,mtü,fie,inc,inc.,incorporated,corp,corp.,
corporation,co,co.,company,llc,l.l.c.,llp,lp,pllc,plc,p.l.c.,ltd,ltd.,limited,pty,pty ltd,pty. ltd.,proprietary limited,pte,pte ltd,
pte. ltd.,pvt,pvt ltd,pvt. ltd.,private limited,bhd,sdn bhd,sdn. bhd.,unlimited,dac,clg,cic,ulc,ltée,ltee,enr,s.e.n.c.,株式会社,有限会社,
合同会社,kk,k.k.,kabushiki kaisha,yugen kaisha,godo kaisha,g.k.,有限公司,股份有限公司,有限责任公司,co ltd,co. ltd.,co., ltd.,주식회사,유한회사,
(주),tbk,pt,cv,ptt,pcl,jsc,ojsc,cjsc,pjsc,llc.,fze,fz-llc,fzco,fzc,wll,w.l.l.,saoc,saog,ksc,kscc,bsc,gie,asbl,vzw,stichting,
cooperative,gmbh & cie,cie,compagnie,& co,and co,& cie,und co,et cie,y cia,cia,cía,e figli,& sons,holding,holdings,group,gruppe,groupe,grupo,gruppo,
international,intl""".replace("\n", "").split(","))
    with open(OUT / "legal_forms.txt", "w", encoding="utf-8") as f:
        f.write("# legal forms and like words that do not tell firms apart. By scripts/contact_data.py from psolin/cleanco, MIT.\n")
        f.write("\n".join(sorted(t.strip() for t in terms if t.strip())) + "\n")


OUT.mkdir(parents=True, exist_ok=True)
countries()
nicknames()
legal_forms()
free_mail(sys.argv[1])
