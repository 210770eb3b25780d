//! How a quarantine ends, and what it outlasts (threat 23).

use crate::home::{edit, hub, installed, loaded, meta, outcome, publish, report, rewrite};
use crate::withdrawn::{decide, out_of_use, refused, revoke};
use skillsync_testkit::disk;

#[test]
fn t23_a_cure_that_disagrees_with_what_was_edited_here_is_handed_out() {
    let hub = hub();
    let machine = installed(&hub);
    edit(&machine, "two", "mine");
    publish(&hub, "TWO");
    hub.change(|house| house.revoke("pdf", 1, "malware"));
    let polled = machine.run(&["poll", "--json"]).fails(6);
    let json = polled.json();
    let pdf = outcome(&json, "pdf");
    assert_eq!((&pdf["outcome"], &pdf["to"]), (&"quarantined".into(), &"1.2.0".into()), "{json}");
    assert!(pdf["working_copy"].is_string() && pdf["error"].is_null(), "{json}");
    assert!(polled.stderr.contains("skillsync commit pdf"), "{polled}");
    out_of_use(&machine);
    // It was handed out once.
    let again = report(&machine, &["poll"], 6);
    assert!(outcome(&again, "pdf")["working_copy"].is_null(), "{again}");
    decide(&machine);
    assert_eq!(report(&machine, &["commit", "pdf", "--reason", "both"], 0)["quarantined"], false);
    report(&machine, &["poll"], 0);
    let loaded = loaded(&machine, "pdf").unwrap();
    assert!(loaded.contains("mine") && loaded.contains("TWO"), "{loaded}");
}
