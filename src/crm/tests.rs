//! Exports as people make them, from bytes to records. Real samples are used where they are at hand.

use super::*;
use crate::config::Config;
use crate::coverage::{self, NightsRead};
use crate::tables::{Coverage, ExportRecords, Grain, Leads};
use crate::tabular::readings::Judged;

fn destination(kind: &str, more: &str) -> Destination {
    let source = "[[source]]\nname = \"raw\"\nkind = \"files\"\npath = \"raw/*\"\n";
    let text = format!("{source}[[destination]]\nname = \"crm\"\nkind = \"{kind}\"\nexport = [\"*.csv\"]\n{more}\n");
    Config::parse(&text, std::path::Path::new("/tmp")).unwrap().destinations.remove(0)
}

fn export(name: &str, modified: &str, bytes: &[u8]) -> Export {
    Export { name: name.into(), modified: modified.parse().unwrap(), content: bytes.to_vec().into() }
}

fn sample(path: &str) -> Option<Vec<u8>> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples").join(path)).ok()
}

/// As the landing does it: `landed_on` beside the rows.
fn landed(rows: DataFrame, day: &str) -> DataFrame {
    let day: chrono::NaiveDate = day.parse().unwrap();
    let days = Column::new("landed_on".into(), vec![day; rows.height()]);
    rows.hstack(&[days]).unwrap()
}

fn end() -> DateTime<Utc> {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

/// Reads with nothing landed before.
fn read(exports: Vec<Export>, destination: &Destination) -> Result<Read> {
    super::read(exports, destination, &DataFrame::empty(), Keep::All)
}

fn made(read: &Read, destination: &Destination) -> Table<ExportRecords> {
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    records(&landed(read.rows.clone(), "2026-06-01"), std::slice::from_ref(destination), end()).unwrap()
}

fn texts<T: Grain>(table: &Table<T>, column: &str) -> Vec<String> {
    let column = table.frame().column(column).unwrap().cast(&DataType::String).unwrap();
    column.str().unwrap().iter().map(|v| v.unwrap_or("∅").to_owned()).collect()
}

fn read_one(kind: &str, more: &str, bytes: &[u8]) -> (Destination, Read) {
    let destination = destination(kind, more);
    let read = read(vec![export("crm/leads.csv", "2026-05-20T00:00:00Z", bytes)], &destination).unwrap();
    (destination, read)
}

#[test]
fn a_data_loader_file_of_all_columns_gives_its_14_leads() {
    let Some(bytes) = sample("crm/salesforce/gen-ai-demo-Lead.csv") else { return };
    let (destination, read) = read_one("salesforce", "", &bytes);
    let records = made(&read, &destination);
    assert_eq!(records.height(), 14);
    assert!(texts(&records, "record_id").iter().all(|id| id.len() == 18 && id.starts_with("00Q")));
    assert!(texts(&records, "created_at").iter().all(|at| at.starts_with("2024-07-")));
    assert_eq!(texts(&records, "email").iter().filter(|e| *e == "∅").count(), 8);
    assert!(texts(&records, "company").iter().all(|c| c != "None"), "a placeholder is no company");
    let file = &read.files[0];
    assert_eq!((file.object.as_str(), file.rows, file.records), ("lead", 14, 14));
    assert_eq!(file.columns["created_at"], ["CreatedDate"]);
    assert_eq!(file.date_order, "iso");
}

#[test]
fn short_american_dates_and_the_converted_flag_are_read_and_not_the_status() {
    let Some(bytes) = sample("crm/salesforce/salesforce-in-powerbi-Lead.csv") else { return };
    let (destination, read) = read_one("salesforce", "", &bytes);
    let records = made(&read, &destination);
    assert_eq!(records.height(), 22);
    assert!(read.files[0].date_order.starts_with("mdy, decided by"), "{}", read.files[0].date_order);
    let status = texts(&records, "status");
    let outcome = texts(&records, "outcome");
    assert_eq!(status.iter().filter(|s| *s == "Closed - Converted").count(), 8);
    assert_eq!(outcome.iter().filter(|o| *o == "qualified").count(), 5);
    assert!(texts(&records, "modified_at")[0].starts_with("2026-02-24 02:18:00"));
    assert_eq!(texts(&records, "resolution")[0], "none", "the file has no created date");
}

#[test]
fn an_account_file_is_told_and_not_taken_for_leads() {
    let Some(bytes) = sample("crm/encodings/accountData.csv") else { return };
    let (_, read) = read_one("salesforce", "", &bytes);
    assert_eq!(read.rows.height(), 0);
    assert_eq!(read.files[0].object, "other");
    assert_eq!(read.set_aside.height(), 1);
    assert!(read.findings.iter().any(|f| f.text().contains("another object")));
}

#[test]
fn every_address_and_phone_of_a_record_finds_it() {
    let text = "Record ID,Email,Additional email addresses,Phone Number,Mobile Phone Number,First Name,Create Date\n\
                1,a@x.example,a2@x.example;a3@x.example,,+49 170 1,Ann,2026-05-01 10:00\n\
                2,,b@y.example;b2@y.example,+49 30 2,,Bo,2026-05-01 10:00\n3,c@z.example,,,,Cy,2026-05-01 10:00\n";
    let (destination, read) = read_one("hubspot", "", text.as_bytes());
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "email"), ["a@x.example", "b@y.example", "c@z.example"]);
    assert_eq!(texts(&records, "phone"), ["+49 170 1", "+49 30 2", "∅"]);
    let earlier = earlier(&landed(read.rows.clone(), "2026-06-01")).unwrap();
    assert_eq!(texts(&earlier, "record_id"), ["1", "1", "2"]);
    assert_eq!(texts(&earlier, "email"), ["a3@x.example", "a2@x.example", "b2@y.example"]);
}

#[test]
fn rows_with_one_id_are_one_person_once_or_other_people_each() {
    let text = "Record ID,First Name,Last Name,Email,Create Date,Last Modified Date\n\
                7,Ann,Lee,a@x.example,2026-05-01 10:00,2026-05-02 10:00\n\
                7,Ann,Berg,a@x.example,2026-05-01 10:00,2026-05-03 10:00\n\
                8,Bo,Berg,b@y.example,2026-05-01 10:00,2026-05-02 10:00\n\
                8,Cy,Diaz,c@z.example,2026-05-01 10:00,2026-05-02 10:00\n\
                1.2E+11,Di,Eng,d@z.example,2026-05-01 10:00,2026-05-02 10:00\n";
    let (destination, read) = read_one("hubspot", "", text.as_bytes());
    let records = made(&read, &destination);
    let mut emails = texts(&records, "email");
    emails.sort();
    assert_eq!(emails, ["a@x.example", "b@y.example", "c@z.example", "d@z.example"]);
    assert!(!texts(&records, "record_id").iter().any(|id| id == "8" || id.contains('+')));
    assert!(texts(&records, "last_name").contains(&"Berg".to_owned()), "the state that was changed last");
    assert_eq!(texts(&read.set_aside, "reason"), ["duplicate"]);
    assert_eq!(texts(&read.set_aside, "row"), ["2"]);
    assert!(read.files[0].notes.iter().any(|n| n.contains("stands at several people")), "{:?}", read.files[0].notes);
}

#[test]
fn columns_that_no_label_tells_are_told_by_their_values_and_the_others_are_named() {
    let text = "Identyfikator;Poczta;Zrodlo;Opiekun;Region\n\
                00Qbm00000Orxk5EAB;a@x.example;AzureMarketplace-INS|contoso.mesh;kim@us.example;EMEA\n\
                00QNq00000BXU9AMAX;b@y.example;AzureMarketplace-INS|contoso.mesh;kim@us.example;EMEA\n\
                00Qbm00000Orxk6EAB;c@z.example;Web;kim@us.example;EMEA\n";
    let (destination, read) = read_one("salesforce", "", text.as_bytes());
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "email"), ["b@y.example", "a@x.example", "c@z.example"], "in the order of their ids");
    assert_eq!(texts(&records, "offer_id"), ["contoso.mesh", "contoso.mesh", "∅"]);
    let columns = tabular::columns_read(read.files.iter()).unwrap();
    assert_eq!(texts(&columns, "role"), ["record_id", "∅", "email", "∅", "lead_source"]);
    assert!(read.files[0].lines().iter().any(|l| l.contains("not understood: Opiekun (e-mail), Region (text)")));
}

#[test]
fn columns_of_a_joined_object_fill_nothing_of_the_record() {
    let text = "Lead ID,Last Name,Account: Phone,Owner.Email,Contact ID,Create Date\n\
                00Qbm00000Orxk5EAB,Lee,+1 555 0100,kim@us.example,0035e00000AbCd2AAF,5/13/2026 10:02\n";
    let (destination, read) = read_one("salesforce", "", text.as_bytes());
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "record_id"), ["00Qbm00000Orxk5EAB"]);
    assert_eq!((texts(&records, "phone")[0].as_str(), texts(&records, "email")[0].as_str()), ("∅", "∅"));
}

#[test]
fn the_order_of_a_column_is_taken_from_columns_that_are_not_read() {
    let text = "id,email,created_at,Contract signed\n1,a@x.example,01/05/2026,\n2,b@x.example,02/05/2026,15/05/2026\n";
    let (destination, read) = read_one("csv", "", text.as_bytes());
    assert!(texts(&made(&read, &destination), "created_at")[0].starts_with("2026-05-01"));
}

#[test]
fn a_column_that_says_utc_is_never_shifted() {
    let text = "id,email,created_at,Updated at (UTC)\n1,a@x.example,2026-05-01 10:00:00,2026-05-01 14:00:02\n\
                2,b@x.example,2026-05-02 10:00:00,2026-05-02 14:00:01\n3,c@x.example,2026-05-03 10:00:00,2026-05-09 09:00:00\n";
    let with = |more: &str| {
        let (destination, read) = read_one("csv", more, text.as_bytes());
        let records = made(&read, &destination);
        (texts(&records, "created_at")[0].clone(), texts(&records, "modified_at")[0].clone(), read)
    };
    let (created, modified, read) = with("");
    assert!(
        created.starts_with("2026-05-01 14:00:00") && modified.starts_with("2026-05-01 14:00:02"),
        "{created} {modified}"
    );
    assert_eq!(read.files[0].timezone, "America/New_York");
    let (created, modified, _) = with("timezone = \"Europe/Berlin\"");
    assert!(
        created.starts_with("2026-05-01 08:00:00") && modified.starts_with("2026-05-01 14:00:02"),
        "{created} {modified}"
    );
}

#[test]
fn an_export_that_identifies_nobody_is_told_with_its_columns() {
    let text = "Lead ID,Lead Owner,Lead Status,Create Date,Region\n00Qbm00000Orxk5EAB,Kim,New,5/13/2026 10:02,EMEA\n";
    let (_, read) = read_one("salesforce", "", text.as_bytes());
    assert!(read.files[0].identifies_nobody);
    assert!(
        read.files[0].notes.iter().any(|n| n.contains("nobody") && n.contains("Region")),
        "{:?}",
        read.files[0].notes
    );
    assert!(read.findings.iter().any(|f| f.text().contains("nobody in it can be recognised")));
}

const REPORT: &str = "\"Lead ID\",\"First Name\",\"Last Name\",\"Email\",\"Lead Source\",\"Lead Owner\",\"Created Date\"\n\
    \"00Qbm00000Orxk5\",\"Bertha\",\"Boxer\",\"b@x.com\",\"AzureMarketplace-INS|contoso.mesh\",\"Ann\",\"7/13/2025, 2:22 PM\"\n\
    \"00Qbm00000Orxk6\",\"Phyllis\",\"Null\",\"[not provided]\",\"Web\",\"Bob\",\"7/11/2025, 2:22 PM\"\n\
    \"Total\",\"\",\"\",\"\",\"\",\"\",\"\"\n\n\"Leads\"\n\"Copyright \u{a9} 2000-2025 salesforce.com, inc.\"\n\"Generated By: Ann\"\n";

#[test]
fn a_report_of_15_character_ids_in_the_western_charset_meets_the_long_ids() {
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(REPORT);
    let (destination, read) = read_one("salesforce", "", &bytes);
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "record_id"), ["00Qbm00000Orxk5EAB", "00Qbm00000Orxk6EAB"]);
    assert_eq!(texts(&records, "last_name"), ["Boxer", "Null"]);
    assert_eq!(texts(&records, "email"), ["b@x.com", "∅"]);
    assert_eq!(texts(&records, "storefront"), ["azure-marketplace", "∅"]);
    assert_eq!(texts(&records, "offer_id"), ["contoso.mesh", "∅"]);
    assert_eq!(texts(&records, "marketplace"), ["true", "false"]);
    assert_eq!(texts(&records, "resolution"), ["minute", "minute"]);
    assert!(texts(&records, "created_at")[0].starts_with("2025-07-13 14:22"));
    assert_eq!(texts(&records, "outcome"), ["∅", "∅"], "without the flag nothing is known");
    assert_eq!((read.set_aside.height(), read.files[0].apart), (0, 4), "totals and closing words are no rows");
    assert!(read.files[0].form.encoding.starts_with("windows-1252"));
}

#[test]
fn dates_that_read_both_ways_stop_the_file_and_name_the_key() {
    let text = REPORT.replace("7/13/2025", "7/10/2025");
    let destination = destination("salesforce", "");
    let old = vec![export("r.csv", "2026-05-20T00:00:00Z", text.as_bytes())];
    let unread = read(old.clone(), &destination).unwrap();
    assert_eq!(unread.rows.height(), 0);
    let message = unread.problems[0].to_string();
    assert!(message.contains("date_order = ") && message.contains("\"Created Date\""), "{message}");
    let configured = self::destination("salesforce", "date_order = \"dmy\"");
    let records = made(&read(old, &configured).unwrap(), &configured);
    assert!(texts(&records, "created_at")[0].starts_with("2025-10-07"));
}

#[test]
fn dates_that_read_both_ways_are_read_as_in_another_export_or_as_they_were_read_before() {
    let destination = destination("salesforce", "");
    let decided = REPORT.replace("00Qbm00000Orxk5", "00Qbm00000Orxk7").replace("00Qbm00000Orxk6", "00Qbm00000Orxk8");
    let both_ways = REPORT.replace("7/13/2025", "7/10/2025");
    let file = |name: &str, text: &str| export(name, "2026-05-20T00:00:00Z", text.as_bytes());
    let both = read(vec![file("new.csv", &both_ways), file("old.csv", &decided)], &destination).unwrap();
    assert!(both.problems.is_empty(), "{:?}", both.problems);
    let new = both.files.iter().find(|f| f.file == "new.csv").unwrap();
    assert_eq!(new.date_order, "mdy, as in old.csv");
    // The next night, alone: the records that it shares with what was landed tell.
    let alone = super::read(vec![file("new.csv", &both_ways)], &destination, &both.rows, Keep::All).unwrap();
    assert_eq!(alone.files[0].date_order, "mdy, by 2 records that were read before");
    assert!(texts(&made(&alone, &destination), "created_at")[0].starts_with("2025-07-10"));
    // Other columns may be of another user's language.
    let other = decided.replace("Created Date", "Create Date");
    let unlike = read(vec![file("new.csv", &both_ways), file("old.csv", &other)], &destination).unwrap();
    assert_eq!(unlike.problems.len(), 1);
}

#[test]
fn converted_leads_merged_leads_and_opportunities_are_joined() {
    let destination = destination("salesforce", "");
    let leads = "Id,IsDeleted,MasterRecordId,LastName,Email,LeadSource,Status,IsConverted,ConvertedContactId,ConvertedOpportunityId,CreatedDate\n\
        00Qbm00000Orxk5EAB,false,,Boxer,b@x.com,AzureMarketplace-PLT|c.o,Closed - Converted,true,003bm00000zbyRuAAI,006bm00000LKgOnAAL,2026-05-01T10:00:00.000Z\n\
        00Qbm00000Orxk6EAB,true,00Qbm00000Orxk5EAB,Boxer,b@x.com,AzureMarketplace-PLT|c.o,Open,false,,,2026-05-02T10:00:00.000Z\n\
        00Qbm00000Orxk7EAB,false,,Open,o@x.com,,Open,false,,,2026-05-02T10:00:00.000Z\n";
    let contacts = "Id,AccountId,LastName,Email,LeadSource,CreatedDate\n\
        003bm00000zbyRuAAI,001bm00001ZM1LyAAL,Boxer,b@x.com,AzureMarketplace-PLT|c.o,2026-05-03T10:00:00.000Z\n";
    let deals = "Id,Name,StageName,IsWon,IsClosed,LeadSource,CreatedDate\n\
        006bm00000LKgOnAAL,Deal,Closed Won,true,true,AzureMarketplace-PLT|c.o,2026-05-03T10:00:00.000Z\n";
    let files = [("Lead.csv", leads), ("Contact.csv", contacts), ("Opportunity.csv", deals)];
    let exports: Vec<Export> = files.iter().map(|(n, t)| export(n, "2026-05-20T00:00:00Z", t.as_bytes())).collect();
    let records = made(&read(exports, &destination).unwrap(), &destination);
    let row = |id: &str| texts(&records, "record_id").iter().position(|r| r == id).unwrap();
    let get = |id: &str, column: &str| texts(&records, column)[row(id)].clone();
    assert_eq!(get("00Qbm00000Orxk5EAB", "outcome"), "won");
    assert_eq!(get("00Qbm00000Orxk6EAB", "merged_into"), "00Qbm00000Orxk5EAB");
    assert_eq!(get("00Qbm00000Orxk6EAB", "deleted"), "true");
    assert_eq!(get("00Qbm00000Orxk7EAB", "outcome"), "open");
    assert_eq!(get("003bm00000zbyRuAAI", "object"), "contact");
    assert_eq!(get("003bm00000zbyRuAAI", "merged_into"), "00Qbm00000Orxk5EAB", "the contact is the lead, converted");
    assert_eq!(get("003bm00000zbyRuAAI", "marketplace"), "false");
    assert_eq!(get("006bm00000LKgOnAAL", "marketplace"), "false");
}

#[test]
fn a_configured_column_is_asked_of_files_of_leads_and_not_of_opportunities() {
    let leads =
        |header: &str| format!("Id,Email,CreatedDate,{header}\n00Q5g00000AbCdEEAV,a@b.com,2026-05-01T10:00:00Z,x\n");
    let won = b"Id,Name,StageName,IsClosed,IsWon,CreatedDate\n0065g00000AbCdEAAV,Deal,Closed Won,true,true,2026-05-02T10:00:00Z\n";
    let found = |header: &str| {
        let exports = vec![
            export("crm/leads.csv", "2026-05-20T00:00:00Z", leads(header).as_bytes()),
            export("crm/opportunities.csv", "2026-05-20T00:00:00Z", won),
        ];
        let read = read(exports, &destination("salesforce", "key = \"Marketplace_Row__c\"")).unwrap();
        assert_eq!(read.files[1].object, "opportunity");
        assert!(
            read.files[1].notes.iter().all(|note| !note.contains("Marketplace_Row__c")),
            "{:?}",
            read.files[1].notes
        );
        read.findings.iter().filter(|finding| finding.code() == crate::codes::finding::SETTING_DOUBTFUL).count()
    };
    assert_eq!((found("Marketplace_Row__c"), found("Other__c")), (0, 1));
}

#[test]
fn an_id_that_was_changed_by_hand_is_told_as_that_and_its_record_still_vouches() {
    let text = "Id,LastName,Email,CreatedDate\n\
        00Qbm00000Orxk5AAA,A,a@x,2026-05-01T10:00:00Z\n00Q000000000001AAA,B,b@x,2026-05-01T10:00:00Z\n\
        00Q000000000000002,E,e@x,2026-05-01T10:00:00Z\n\
        00Qbm00000Orxk7EAB,C,c@x,2026-05-01T10:00:00Z\n001bm00001ZM1LyAAL,D,d@x,2026-05-01T10:00:00Z\n";
    let (destination, read) = read_one("salesforce", "", text.as_bytes());
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "email"), ["e@x", "b@x", "a@x", "c@x"]);
    assert_eq!(texts(&records, "record_id")[1], "00Q000000000001AAA");
    assert!(texts(&records, "object").iter().all(|o| o == "lead"));
    assert_eq!(texts(&read.set_aside, "reason"), ["other-object"]);
    assert!(read.files[0].notes.iter().any(|n| n.starts_with("3 ids do not check")), "{:?}", read.files[0].notes);
    assert!(read.findings.iter().any(|f| f.text().contains("do not check")), "{:?}", read.findings);
    let one = "Id,LastName,Email,CreatedDate\n00Qbm00000Orxk5AAA,A,a@x,2026-05-01T10:00:00Z\n";
    let notes = &read_one("salesforce", "", one.as_bytes()).1.files[0].notes;
    assert!(notes.iter().any(|n| n.starts_with("1 id does not check")), "{notes:?}");
}

#[test]
fn tasks_and_campaign_members_are_records_of_the_person_they_are_filed_under() {
    let destination = destination("salesforce", "");
    let leads = "Id,LastName,FirstName,Email,LeadSource,CreatedDate\n\
        00Qbm00000Orxk5EAB,Boxer,Bertha,b@x.com,AzureMarketplace-PLT|c.o,2026-05-01T10:00:00.000Z\n";
    let tasks = "Id,WhoId,Subject,Status,CreatedDate\n\
        00Tbm00000Orxk5,00Qbm00000Orxk5,Call back,Completed,2026-05-02T10:00:00.000Z\n\
        00Tbm00000Orxk6,00Qbm00000Orxk5EAB,Again: AzureMarketplace-PLT|c.o,Open,2026-05-02T10:00:00.000Z\n\
        00Tbm00000Orxk7,00Qbm00000Orxk5EAB,New inquiry AzureMarketplace-INS|c.other,Open,2026-05-03T10:00:00.000Z\n\
        00Tbm00000Orxk8,,Nobody's,Open,2026-05-02T10:00:00.000Z\n";
    let members = "Id,CampaignId,LeadId,ContactId,Status,LeadSource,CreatedDate\n\
        00vbm00000Orxk5,701bm00000Orxk5,00Qbm00000Orxk5EAB,,Sent,AzureMarketplace-PLT|c.o,2026-05-02T10:00:00.000Z\n";
    let files = [("Lead.csv", leads), ("Task.csv", tasks), ("CampaignMember.csv", members)];
    let exports = files.iter().map(|(n, t)| export(n, "2026-05-20T00:00:00Z", t.as_bytes())).collect();
    let records = made(&read(exports, &destination).unwrap(), &destination);
    assert_eq!(texts(&records, "object"), ["lead", "task", "task", "task", "task", "campaign-member"]);
    assert_eq!(texts(&records, "email"), ["b@x.com", "b@x.com", "b@x.com", "b@x.com", "∅", "b@x.com"]);
    assert_eq!(texts(&records, "last_name")[1..3], ["Boxer", "Boxer"]);
    let marketplace = ["true", "false", "false", "true", "false", "false"];
    assert_eq!(texts(&records, "marketplace"), marketplace, "what repeats the lead's own source is no other delivery");
    assert!(texts(&records, "outcome")[1..].iter().all(|o| o == "∅"), "a completed task is no qualified lead");
}

#[test]
fn a_marketo_form_activity_is_a_record_of_its_lead_and_other_activities_are_none() {
    let destination = destination("marketo", "");
    let leads = "id,firstName,lastName,email,leadSource,createdAt,updatedAt\n\
        7,Russell,Wilson,r@x.com,AzureMarketplace-INS|c.second,2026-05-01T15:41:32Z,2026-05-08T00:00:00Z\n";
    let activities = "marketoGUID,leadId,activityDate,activityTypeId,campaignId,primaryAttributeValueId,primaryAttributeValue,attributes\n\
        b1,7,2026-05-01T15:41:32Z,2,,1005,Marketplace,\"{\"\"Form Fields\"\":\"\"LeadSource: AzureMarketplace-INS|c.first\"\"}\"\n\
        b2,7,2026-05-08T00:00:00Z,2,,1005,Marketplace,\"{\"\"Form Fields\"\":\"\"LeadSource: AzureMarketplace-INS|c.second\"\"}\"\n\
        b3,7,2026-05-08T00:00:00Z,1,,,/pricing,null\n";
    let exports = [("leads.csv", leads), ("activities.csv", activities)]
        .map(|(n, t)| export(n, "2026-05-20T00:00:00Z", t.as_bytes()));
    let read = read(exports.to_vec(), &destination).unwrap();
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "record_id"), ["7", "b1", "b2"]);
    assert_eq!(texts(&records, "object"), ["lead", "form-activity", "form-activity"]);
    assert_eq!(texts(&records, "email"), ["r@x.com"; 3]);
    assert_eq!(texts(&records, "offer_id"), ["c.second", "c.first", "c.second"], "the history that the lead lost");
    assert_eq!(texts(&read.set_aside, "reason"), ["other-object"]);
}

#[test]
fn half_of_what_the_last_whole_reading_showed_is_said() {
    let destination = destination("csv", "");
    let rows: String = (0..12).map(|n| format!("{n},p{n}@x,2026-05-01T10:00:00Z\n")).collect();
    let text = format!("id,email,created_at\n{rows}");
    let read = read(vec![export("l.csv", "2026-05-20T00:00:00Z", text.as_bytes())], &destination).unwrap();
    let all = std::slice::from_ref(&destination);
    let records = records(&landed(read.rows.clone(), "2026-06-01"), all, end()).unwrap();
    let (coverage, findings) =
        coverage::measure(&records, (&nights(&read, 30), &|_, at| at), &leads_at(&[]), all, (end(), &|_| end()))
            .unwrap();
    assert_eq!(texts(&coverage, "previous_records"), ["30"]);
    assert!(findings.iter().any(|f| f.text().contains("less than half") && f.count == 18), "{findings:?}");
}

/// A whole reading of so many records, and this one the night after.
fn nights(read: &Read, before: usize) -> NightsRead {
    let night = |day: &str| day.parse().unwrap();
    let whole = Judged { present: before, ..Judged::default() };
    let nights =
        NightsRead::default().until(night("2026-05-30")).with(&read.destination, whole, &[]).until(night("2026-05-31"));
    let tonight = coverage::judged(read, &nights);
    nights.with(&read.destination, tonight, &read.files)
}

#[test]
fn what_a_record_said_of_its_person_before_is_kept() {
    let destination = destination("csv", "");
    let night = |email: &str, day: &str| {
        let text = format!(
            "id,email,created_at,status\n1,{email},2026-05-01T10:00:00Z,{day}\n2,same@x,2026-05-01T10:00:00Z,{day}\n"
        );
        landed(read(vec![export("l.csv", "2026-05-20T00:00:00Z", text.as_bytes())], &destination).unwrap().rows, day)
    };
    let mut versions = night("first@x", "2026-06-01");
    for (email, day) in [("second@x", "2026-06-02"), ("first@x", "2026-06-03"), ("third@x", "2026-06-04")] {
        versions.vstack_mut(&night(email, day)).unwrap();
    }
    let earlier = earlier(&versions).unwrap();
    assert_eq!(texts(&earlier, "record_id"), ["1", "1"]);
    assert_eq!(texts(&earlier, "email"), ["first@x", "second@x"]);
    assert_eq!(texts(&earlier, "versions_ago"), ["1", "2"]);
}

#[test]
fn of_daily_snapshots_the_newest_wins_and_what_it_lacks_still_vouches() {
    let destination = destination("csv", "");
    let day = |n: u32, rows: &str| {
        export(
            &format!("leads-2026-05-0{n}.csv"),
            "2026-05-20T00:00:00Z",
            format!("id,email,created_at,status\n{rows}").as_bytes(),
        )
    };
    let exports = vec![
        day(2, "1,a@x,2026-05-01T10:00:00Z,New\n2,b@x,2026-05-01T11:00:00Z,New\n3,c@x,2026-05-01T12:00:00Z,New\n"),
        day(3, "1,a@x,2026-05-01T10:00:00Z,Called\n3,c@x,2026-05-01T12:00:00Z,New\n4,d@x,2026-05-02T12:00:00Z,New\n"),
    ];
    let records = made(&read(exports, &destination).unwrap(), &destination);
    assert_eq!(texts(&records, "status"), ["Called", "New", "New", "New"]);
    assert_eq!(texts(&records, "present"), ["true", "false", "true", "true"]);
}

#[test]
fn parts_of_one_export_are_all_current() {
    let destination = destination("csv", "");
    let part = |n: u32| {
        export(
            &format!("part-{n}.csv"),
            "2026-05-20T00:00:00Z",
            format!("id,email,created_at\n{n},a@x,2026-05-01T10:00:00Z\n").as_bytes(),
        )
    };
    let records = made(&read(vec![part(1), part(2)], &destination).unwrap(), &destination);
    assert_eq!(texts(&records, "present"), ["true", "true"]);
}

#[test]
fn a_record_that_vanished_is_landed_as_gone_once_and_an_empty_export_makes_none_vanish() {
    let destination = destination("csv", "");
    let night = |rows: &str| {
        let text = format!("id,email,created_at\n{rows}");
        read(vec![export("l.csv", "2026-05-20T00:00:00Z", text.as_bytes())], &destination).unwrap()
    };
    let first = night("1,a@x,2026-05-01T10:00:00Z\n2,b@x,2026-05-01T11:00:00Z\n");
    let versions = landed(to_land(&first, &DataFrame::empty()).unwrap(), "2026-06-01");
    let second = night("1,a@x,2026-05-01T10:00:00Z\n");
    let rows = to_land(&second, &versions).unwrap();
    assert_eq!(rows.height(), 2);
    let versions = versions.vstack(&landed(rows, "2026-06-02")).unwrap();
    let records = records(&versions, std::slice::from_ref(&destination), end()).unwrap();
    assert_eq!(texts(&records, "present"), ["true", "false"]);
    assert_eq!(texts(&records, "email"), ["a@x", "b@x"]);
    assert_eq!(texts(&records, "first_landed_on"), ["2026-06-01", "2026-06-01"]);
    let header_only = night("");
    assert_eq!(to_land(&header_only, &versions).unwrap().height(), 0);
    assert!(header_only.findings.iter().any(|f| f.text().contains("a header and no records")));
}

#[test]
fn a_csv_of_any_shape_is_read_by_its_own_names() {
    let more = "columns = { email = \"Work e-mail\", lead_source = \"Topic\", created_at = \"When\" }\nkey = \"RowKey\"\nqualified = [\"Working\"]\nwon = [\"Signed\"]\ndelivered_by = { \"Channel\" = [\"Azure*\"] }\ntimezone = \"America/New_York\"";
    let text = "\u{feff}When;Work e-mail;Topic;RowKey;Status;Channel\n\
        2026-05-01 10:00:00;a@x;AppSource-INS|c.o;k1;working;Azure MP\n2026-05-02 10:00:00;b@x;;k2;Signed;Web\n";
    let (destination, read) = read_one("csv", more, text.as_bytes());
    let records = made(&read, &destination);
    let by = |column: &str| {
        let mut pairs: Vec<(String, String)> =
            texts(&records, "email").into_iter().zip(texts(&records, column)).collect();
        pairs.sort();
        pairs.into_iter().map(|p| p.1).collect::<Vec<_>>()
    };
    assert_eq!(by("key"), ["k1", "k2"]);
    assert_eq!(by("outcome"), ["qualified", "won"]);
    assert_eq!(by("marketplace"), ["true", "false"]);
    assert_eq!(by("storefront"), ["appsource", "∅"]);
    assert!(by("created_at")[0].starts_with("2026-05-01 14:00:00"), "New York time");
    assert!(texts(&records, "record_id").iter().all(|id| id.len() == 16), "without an id column the id is a hash");
}

#[test]
fn what_an_export_can_speak_for_is_told() {
    let mut rows = String::from("id,email,created_at,lead_source,owner\n");
    for n in 0..30 {
        rows.push_str(&format!("{n},p{n}@x,2026-05-{:02}T12:00:00Z,AzureMarketplace-INS|c.o,Ann\n", n % 20 + 10));
    }
    let lead = |n: i64| {
        ("2026-05-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::TimeDelta::days(n)).timestamp_micros()
    };
    let (coverage, findings) = spoken_for(&rows, lead);
    let get = |name: &str| {
        coverage.frame().column(name).unwrap().cast(&DataType::String).unwrap().str().unwrap().get(0).map(str::to_owned)
    };
    assert!(get("from").unwrap().starts_with("2026-05-10 11:50"), "{:?}", get("from"));
    assert!(get("until").unwrap().starts_with("2026-05-29 12:00"));
    assert_eq!(get("records").as_deref(), Some("30"));
    assert_eq!(get("previous_records").as_deref(), Some("30"), "read before the as-of day");
    assert_eq!(get("shows_lead_source").as_deref(), Some("true"));
    assert!(findings.iter().any(|f| f.text().contains("begin abruptly on 2026-05-10")));
}

#[test]
fn a_first_day_without_hours_is_not_spoken_for() {
    let mut rows = String::from("id,email,created_at\n");
    for n in 0..30 {
        rows.push_str(&format!("{n},p{n}@x,2026-05-{:02}\n", n % 20 + 10));
    }
    let day = |n: i64| 1_777_593_600_000_000 + n * 86_400_000_000;
    let (coverage, _) = spoken_for(&rows, day);
    let from = coverage.instants("from").unwrap()[0];
    assert_eq!(from, Some(day(10)), "the tenth may begin at any hour");
}

#[test]
fn microsofts_own_test_lead_does_not_make_an_export_one_that_shows_lead_sources() {
    let mut rows = String::from("id,last_name,email,created_at,lead_source\n");
    for n in 0..30 {
        rows.push_str(&format!("{n},Lee,p{n}@x,2026-05-{:02}T12:00:00Z,Web\n", n % 20 + 10));
    }
    rows.push_str("t,MSFT_TEST_638,t@x,2026-05-11T12:00:00Z,AzureMarketplace-INS|c.o\n");
    assert_eq!(spoken_for(&rows, |n| n).0.flags("shows_lead_source").unwrap(), [false]);
}

/// What an export with these rows can speak for, where leads came at these times of the 28 days.
fn spoken_for(rows: &str, time_of: impl Fn(i64) -> i64) -> (Table<Coverage>, Vec<Finding>) {
    let destination = destination("csv", "");
    let read = read(vec![export("l.csv", "2026-06-01T00:00:00Z", rows.as_bytes())], &destination).unwrap();
    let versions = landed(read.rows.clone(), "2026-06-01");
    let all = std::slice::from_ref(&destination);
    let records = records(&versions, all, end()).unwrap();
    let leads = leads_at(&(0..28).map(time_of).collect::<Vec<_>>());
    coverage::measure(&records, (&nights(&read, 30), &|_, at| at), &leads, all, (end(), &|_| end())).unwrap()
}

fn leads_at(times: &[i64]) -> Table<Leads> {
    let ids: Vec<String> = (0..times.len()).map(|n| format!("{n:016}")).collect();
    Table::sample(df!("lead_id" => ids, "received_at" => times).unwrap())
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/exports").join(name)).unwrap()
}

#[test]
fn a_german_workbook_of_dynamics_reads_the_same_from_every_writer() {
    let seen =
        ["dynamics-german-openpyxl.xlsx", "dynamics-german-1904-openpyxl.xlsx", "dynamics-german-libreoffice.xlsx"];
    for name in seen {
        let (destination, read) = read_one("dynamics", "", &fixture(name));
        let records = made(&read, &destination);
        assert_eq!(records.height(), 3, "{name}");
        let id = "5f1d3a52-1111-e811-a95e-000d3a1b2c3d";
        assert_eq!(texts(&records, "record_id")[0], id, "{name}: the hidden column, braces and case gone");
        assert_eq!(texts(&records, "storefront"), ["azure-marketplace", "∅", "appsource"], "{name}: from the topic");
        assert_eq!(texts(&records, "outcome"), ["qualified", "open", "lost"], "{name}: by state");
        assert_eq!(texts(&records, "status"), ["Qualifiziert", "Neu", "Verloren"], "{name}: the reason");
        assert_eq!(texts(&records, "last_name"), ["Mustermann", "Null", "Çelik"], "{name}: from the full name");
        assert_eq!(
            texts(&records, "phone"),
            ["16175555555", "+49 30 1234567", "030/55"],
            "{name}: a number was a phone"
        );
        assert_eq!(texts(&records, "company")[1], "∅", "{name}");
        assert!(
            texts(&records, "created_at")[0].starts_with("2026-05-03 14:02:07"),
            "{name}: {:?}",
            texts(&records, "created_at")
        );
        assert!(
            texts(&records, "modified_at")[2].starts_with("2026-05-06 08:30:15"),
            "{name}: the third hidden column"
        );
        assert_eq!(texts(&records, "email")[0], "erika@contoso.example", "{name}: the first of two columns");
        assert!(read.files[0].notes.iter().any(|n| n.contains("repeated column names")), "{name}");
    }
}

#[test]
fn hidden_columns_are_known_by_their_place_in_a_language_without_a_layout() {
    let text = "(Ikke rediger) Emne,(Ikke rediger) Sum,(Ikke rediger) Endret,Topic,Email,Created On\n\
        5f1d3a52-1111-e811-a95e-000d3a1b2c3d,x,2026-05-04T08:00:00Z,t,a@x,2026-05-03T08:00:00Z\n";
    let (destination, read) = read_one("dynamics", "", text.as_bytes());
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "record_id"), ["5f1d3a52-1111-e811-a95e-000d3a1b2c3d"]);
    assert!(texts(&records, "modified_at")[0].starts_with("2026-05-04"));
}

#[test]
fn synapse_link_folders_have_their_columns_in_the_model_and_their_old_rows_are_short() {
    let destination = destination("dynamics", "");
    let model = r#"{"entities":[{"name":"lead","attributes":[{"name":"Id"},{"name":"SinkCreatedOn"},{"name":"SinkModifiedOn"},
        {"name":"subject"},{"name":"emailaddress1"},{"name":"statecode"},{"name":"createdon"},{"name":"masterid"},{"name":"IsDelete"},{"name":"newest"}]}]}"#;
    let id = |n: u32| format!("5f1d3a52-{n:04}-e811-a95e-000d3a1b2c3d");
    let text = format!(
        "\"{}\",\"6/28/2026 4:34:35 PM\",\"6/28/2026 4:34:35 PM\",\"AzureMarketplace-INS|c.o\",\"a@x\",\"0\",\"2026-06-25T16:21:09.0000000+00:00\",\"\",\"\"\n\
         \"{}\",\"6/28/2026 4:34:35 PM\",\"6/28/2026 5:34:35 PM\",\"s\",\"b@x\",\"2\",\"2026-06-25T16:21:12Z\",\"{}\",\"True\",\"n\"\n\
         \"{}\",\"6/28/2026 4:34:35 PM\",\"6/28/2026 6:34:35 PM\",\"AzureMarketplace-INS|c.o\",\"a@x\",\"1\",\"2026-06-25T16:21:09Z\",\"\",\"\",\"\"\n",
        id(1),
        id(2),
        id(1),
        id(1)
    );
    let exports = vec![
        export("dl/lead/2026-06.csv", "2026-07-01T00:00:00Z", text.as_bytes()),
        export("dl/model.json", "2026-07-01T00:00:00Z", model.as_bytes()),
    ];
    let read = read(exports, &destination).unwrap();
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "record_id"), [id(1), id(2)]);
    assert_eq!(texts(&records, "outcome"), ["qualified", "lost"], "of an append-only table the newest row");
    assert_eq!(texts(&records, "merged_into"), ["∅".to_owned(), id(1)]);
    assert_eq!(texts(&records, "deleted"), ["false", "true"]);
    assert_eq!(read.files[0].header_row, 0);
}

#[test]
fn a_model_tells_the_delimiter_and_the_folder_of_files_without_a_header() {
    let destination = destination("dynamics", "");
    let model = r#"{"entities":[{"name":"Lead","attributes":[{"name":"Id"},{"name":"subject"},{"name":"emailaddress1"},{"name":"createdon"},{"name":"added, later"}],
        "partitions":[{"name":"2026","location":"https://acc.dfs.core.windows.net/crm/Table%201/2026.csv",
        "fileFormatSettings":{"$type":"CsvFormatSettings.1","columnHeaders":"false","delimiter":";","encoding":"UTF-8"}}]},
        {"name":"contact","attributes":[{"name":"contactid"},{"name":"emailaddress1"},{"name":"createdon"}],
        "partitions":[{"location":"contact/2026.csv","fileFormatSettings":{"columnHeaders":true}}]}]}"#;
    let lead = "5f1d3a52-1111-e811-a95e-000d3a1b2c3d;AppSource-INS|c.o, a, b, c;a@x;2026-06-25T16:21:09Z\n";
    let contact = "emailaddress1,contactid,createdon\nb@x,5f1d3a52-2222-e811-a95e-000d3a1b2c3d,2026-06-25T16:21:09Z\n";
    let files = [("dl/Table 1/2026.csv", lead), ("dl/contact/2026.csv", contact), ("dl/model.json", model)];
    let exports = files.map(|(n, t)| export(n, "2026-07-01T00:00:00Z", t.as_bytes()));
    let read = read(exports.to_vec(), &destination).unwrap();
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "email"), ["a@x", "b@x"]);
    assert_eq!(texts(&records, "object"), ["lead", "contact"]);
    assert_eq!(texts(&records, "storefront")[0], "appsource");
    assert_eq!(read.files.iter().map(|f| f.header_row).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_marketo_extract_says_null_for_nothing_and_has_one_record_per_person() {
    let text = "id,firstName,lastName,email,leadSource,leadStatus,unsubscribed,createdAt,updatedAt\n\
        7,Russell,Wilson,r@x.com,AzureMarketplace-INS|contoso.mesh,null,true,2026-05-07T15:41:32-05:00,2026-05-08T00:00:00Z\n\
        8,Null,null,null,null,Disqualified,false,2026-05-07T15:41:32Z,2026-05-08T00:00:00Z\n";
    let (destination, read) = read_one("marketo", "", text.as_bytes());
    let records = made(&read, &destination);
    assert_eq!(texts(&records, "first_name"), ["Russell", "Null"], "a person may be called Null");
    assert_eq!(texts(&records, "last_name"), ["Wilson", "∅"]);
    assert_eq!(texts(&records, "outcome"), ["∅", "lost"]);
    assert_eq!(texts(&records, "opted_out"), ["true", "false"]);
    assert!(texts(&records, "created_at")[0].starts_with("2026-05-07 20:41:32"));
    let no_ids = "Email Address\tFirst Name\tCreated At\nA@x.com\tA\t2026-05-07 10:00\na@x.com\tA\t2026-05-08 10:00\n";
    let (destination, read) = read_one("marketo", "", no_ids.as_bytes());
    assert_eq!(made(&read, &destination).height(), 1, "it merges on the e-mail address");
}

#[test]
fn a_hubspot_export_by_internal_names_or_labels_joins_deals_and_merges() {
    let destination = destination("hubspot", "");
    let contacts = "property_hs_object_id,property_firstname,property_email,property_lifecyclestage,property_hs_lead_status,property_createdate,property_hs_merged_object_ids,property_associated_deal_ids\n\
        100,A,a@x,lead,UNQUALIFIED,2026-05-01T10:00:00Z,,\n200,B,b@x,salesqualifiedlead,,1777629600000,100;150,9;10\n";
    let deals = "Record ID,Deal Name,Deal Stage\n9,x,closedlost\n10,y,Closed Won\n";
    let night = |with: &str| {
        let exports = vec![
            export("contacts.csv", "2026-05-20T00:00:00Z", with.as_bytes()),
            export("deals.csv", "2026-05-20T00:00:00Z", deals.as_bytes()),
        ];
        read(exports, &destination).unwrap()
    };
    let first = night(contacts);
    let records = made(&first, &destination);
    let of = |records: &Table<ExportRecords>, id: &str, column: &str| {
        let row = texts(records, "record_id").iter().position(|r| r == id).unwrap();
        texts(records, column)[row].clone()
    };
    assert_eq!(of(&records, "100", "outcome"), "lost");
    assert_eq!(of(&records, "200", "outcome"), "won");
    assert_eq!(of(&records, "200", "object"), "contact");
    assert!(of(&records, "200", "created_at").starts_with("2026-05-01 10:00"));
    // The next night the merged contact is gone, and only the survivor tells.
    let versions = landed(first.rows.clone(), "2026-06-01");
    let second = night(&contacts.replace("100,A,a@x,lead,UNQUALIFIED,2026-05-01T10:00:00Z,,\n", ""));
    let versions = versions.vstack(&landed(to_land(&second, &versions).unwrap(), "2026-06-02")).unwrap();
    let records = super::records(&versions, std::slice::from_ref(&destination), end()).unwrap();
    assert_eq!(of(&records, "100", "merged_into"), "200");
    assert_eq!(of(&records, "100", "present"), "false");
}

#[test]
fn a_log_of_posted_bodies_is_read_through_its_wrapper_and_retries_are_one_record() {
    let body = r#"{"UserDetails":{"FirstName":"Some","LastName":"One","Email":"someone@contoso.com","Phone":16175555555,"Country":"USA","Company":"Contoso","Title":"Esquire"},"LeadSource":"AzureMarketplace","ActionCode":"INS","OfferTitle":"Test Microsoft","Description":"x"}"#;
    let old = r#"{"OfferTitle":"Test Microsoft","LeadSource":"Test run through MS Flow","userDetails":{"Company":"Contoso","Email":"other@contoso.com","FirstName":"Some","LastName":"One"}}"#;
    let at = |time: &str, body: &str| {
        format!("{{\"receivedAt\":\"{time}\",\"headers\":{{\"x\":\"y\"}},\"body\":{body}}}\r\n")
    };
    let escaped = serde_json::to_string(body).unwrap();
    let text = format!(
        "\u{feff}{}\r\n{}{}{}{}not json\r\n",
        at("2026-05-03T14:02:00Z", body),
        at("2026-05-03T14:02:30Z", body),
        at("2026-05-03T14:07:00Z", &escaped),
        at("2026-05-09T14:02:00Z", body),
        at("2026-05-03T15:00:00Z", old),
    );
    let (destination, read) = read_one("https", "", text.as_bytes());
    let records = made(&read, &destination);
    assert_eq!(records.height(), 3, "a later equal body is another lead, a retry is not");
    let mut times = texts(&records, "created_at");
    times.sort();
    assert_eq!(
        times.iter().map(|t| &t[..16]).collect::<Vec<_>>(),
        ["2026-05-03 14:02", "2026-05-03 15:00", "2026-05-09 14:02"]
    );
    assert!(texts(&records, "marketplace").iter().all(|m| m == "true"));
    assert!(texts(&records, "phone").contains(&"16175555555".to_owned()));
    assert!(texts(&records, "offer").iter().all(|o| o == "Test Microsoft"));
    assert_eq!(read.files[0].set_aside.get("ragged"), Some(&1));
}

#[test]
fn nothing_vanishes_from_an_export_that_was_read_in_part() {
    let destination = destination("salesforce", "");
    let whole = "Id,LastName,Email,CreatedDate\n00Qbm00000Orxk5EAB,A,a@x,2026-05-01T10:00:00Z\n";
    let other = "Id,LastName,Email,CreatedDate\n00Qbm00000Orxk6EAB,B,b@x,03/04/2026\n";
    let night = |second: &str| {
        let exports = vec![
            export("a.csv", "2026-05-20T00:00:00Z", whole.as_bytes()),
            export("b.csv", "2026-05-20T00:00:00Z", second.as_bytes()),
        ];
        read(exports, &destination).unwrap()
    };
    let first = night(&other.replace("03/04", "13/04"));
    assert_eq!(first.rows.height(), 2);
    let versions = landed(first.rows, "2026-06-01");
    let second = night(other);
    assert_eq!((second.problems.len(), second.complete), (1, false));
    assert_eq!(to_land(&second, &versions).unwrap().height(), 1, "the unread file's record is not gone");
}

#[test]
fn a_row_in_which_a_file_ends_takes_no_records_place() {
    let whole = "Id,LastName,Email,CreatedDate\n00Qbm00000Orxk5EAB,A,a@x.example,2026-05-01T10:00:00Z\n\
                 00Qbm00000Orxk6EAB,B,bea@x.example,2026-05-02T10:00:00Z\n";
    let (_, cut) = read_one("salesforce", "", &whole.as_bytes()[..whole.len() - 30]);
    assert_eq!((cut.rows.height(), cut.files[0].ends_inside), (1, true));
    assert_eq!(cut.set_aside.height(), 1);
    let (_, read) = read_one("salesforce", "", whole.as_bytes());
    assert_eq!(read.rows.height(), 2);
}

#[test]
fn what_was_read_is_told_in_lines() {
    let (_, read) = read_one("salesforce", "", REPORT.as_bytes());
    let lines = read.files[0].lines();
    assert_eq!(lines[0], "crm/leads.csv: lead (csv, UTF-8, comma), 2 records of 2 rows");
    assert!(lines[1].contains("created_at = Created Date"), "{lines:?}");
    assert!(lines.iter().any(|l| l == "dates: mdy, decided by 1 date"), "{lines:?}");
    assert!(lines.iter().any(|l| l == "4 lines of totals and closing words passed over"), "{lines:?}");
}
