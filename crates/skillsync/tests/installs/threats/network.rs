//! Rows 14, 20, 26 (15 is with the tests of the client): what a server can do to a client before anything is believed.

use skillsync_testkit::web::{Answer, Manner, Web};
use skillsync_wire::api::path;

use super::{refuses_pdf, valuables};
use crate::home::{hub, installed, loaded, machine, outcome, publish, report};
use crate::house::files;

#[test]
fn t14_data_without_end_or_with_a_lie_about_it_stops_at_what_was_signed() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    let blob = path::tarball(&hub.change(|house| house.archive_digest("pdf")));
    let longer = |mut answer: Answer| {
        answer.body.push(0);
        answer
    };
    type Lie = fn(Answer) -> Answer;
    let lies: [(&str, Lie); 4] = [
        ("endless", |answer| Answer { body: vec![0; 1 << 16], ..answer }.given(Manner::Endless)),
        ("one byte more", longer),
        ("says that there is more", |answer| answer.given(Manner::LyingLength(1 << 40))),
        ("one byte less", |mut answer| {
            answer.body.pop();
            answer
        }),
    ];
    for (what, lie) in lies {
        let wanted = blob.clone();
        hub.lie(move |asked, answer| if asked.path.starts_with(&wanted) { lie(answer) } else { answer });
        let refused = refuses_pdf(&machine, "trust-mismatch");
        assert!(!refused.is_null(), "{what}");
    }
    // A bomb that unpacks on the way, and a manifest that does not end.
    let wanted = blob.clone();
    hub.lie(move |asked, answer| match asked.path.starts_with(&wanted) {
        true => answer.with("content-encoding", "gzip"),
        false => answer,
    });
    let before = valuables(&machine);
    let polled = report(&machine, &["poll"], 3);
    assert_eq!(outcome(&polled, "pdf")["error"]["code"], "hub-answer-unreadable");
    hub.lie(|asked, answer| match asked.path == path::MANIFEST {
        true => Answer::ok(vec![b' '; 1 << 16]).given(Manner::Endless),
        false => answer,
    });
    let polled = report(&machine, &["poll"], 3);
    assert_eq!(polled["sources"][0]["error"]["code"], "hub-answer-too-large");
    before.assert_same(&valuables(&machine));
}

#[test]
fn t20_a_mirror_that_fails_or_lies_is_passed_over_and_named() {
    let hub = hub();
    let machine = installed(&hub);
    type Script = fn() -> Answer;
    let mirrors: [(&str, Script); 4] = [
        ("503", || Answer::status(503)),
        ("garbage", || Answer::ok(*b"garbage")),
        ("no HTTP", || Answer::ok(*b"SSH-2.0-x\r\n\r\n").given(Manner::Bare)),
        ("cut", || Answer::ok(vec![0; 1000]).given(Manner::CutAfter(10))),
    ];
    for (what, script) in mirrors {
        let mirror = Web::serve(move |_| script());
        machine.run(&["config", "set", "sources.team.mirrors", &mirror.url()]).ok();
        publish(&hub, what);
        let polled = report(&machine, &["poll"], 0);
        assert_eq!(outcome(&polled, "pdf")["outcome"], "updated", "{what}");
        let warned = &polled["sources"][0]["warnings"][0];
        assert_eq!(warned["host"], mirror.url().trim_start_matches("http://"), "{what}: {polled}");
        assert!(loaded(&machine, "pdf").unwrap().contains(what));
    }
    // Nobody there at all.
    machine.run(&["config", "set", "sources.team.mirrors", "http://127.0.0.1:1"]).ok();
    publish(&hub, "nobody");
    let output = machine.run(&["poll"]).ok();
    assert!(output.stderr.contains("warning: team: 127.0.0.1:1"), "{}", output.stderr);
}

#[test]
fn t20_a_mirror_that_fails_does_not_keep_the_signed_address_from_being_tried() {
    let hub = hub();
    let machine = installed(&hub);
    let mirror = Web::serve(|_| Answer::status(503));
    machine.run(&["config", "set", "sources.team.mirrors", &mirror.url()]).ok();
    publish(&hub, "TWO");
    hub.lie(|asked, answer| match asked.path.starts_with("/cdn/blobs/") && !asked.path.contains("sig=") {
        true => Answer::status(404),
        false => answer,
    });
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
}

#[test]
fn t20_a_mirror_that_only_lies_is_left_alone_after_a_while() {
    let hub = hub();
    for number in 0..20 {
        let name = format!("skill-{number}");
        hub.change(|house| drop(house.publish(&name, &files(&name, "# one\n", &[]))));
    }
    let machine = machine(&hub, &["--all"]);
    let mirror = Web::serve(|_| Answer::ok(*b"garbage"));
    machine.run(&["config", "set", "sources.team.mirrors", &mirror.url()]).ok();
    report(&machine, &["poll"], 0);
    // Several are asked for at one time.
    let asked = mirror.asked().len();
    assert!((8..=24).contains(&asked), "{asked} times, of 44 files");
}

#[test]
fn t20_what_a_mirror_does_hides_no_refusal_of_the_hub() {
    let hub = hub();
    let machine = installed(&hub);
    let mirror = Web::serve(|_| Answer::status(503));
    machine.run(&["config", "set", "sources.team.mirrors", &mirror.url()]).ok();
    publish(&hub, "TWO");
    hub.lie(|asked, answer| match asked.path.starts_with("/cdn/releases/") {
        true => Answer::status(403),
        false => answer,
    });
    let polled = machine.run(&["poll", "--json"]).one_of(&[3, 6]).json();
    assert_eq!(outcome(&polled, "pdf")["error"]["kind"], "denied", "{polled}");
}

#[test]
fn t26_no_redirect_leads_to_the_open_or_takes_the_key_along() {
    let hub = hub();
    let machine = installed(&hub);
    publish(&hub, "TWO");
    let before = valuables(&machine);
    for (target, code) in [
        ("http://hub.example/x", "hub-redirect-refused"),
        ("https://127.0.0.1/x", "hub-redirect-refused"),
        ("/api/skills/manifest", "hub-redirect-refused"),
    ] {
        hub.lie(move |asked, answer| match asked.path == path::MANIFEST {
            true => Answer::status(302).with("location", target),
            false => answer,
        });
        let polled = report(&machine, &["poll"], 6);
        assert_eq!(polled["sources"][0]["error"]["code"], code, "{target}");
    }
    before.assert_same(&valuables(&machine));
    // To another host: followed, without the key.
    let archive = hub.change(|house| house.newest("pdf").archive.clone());
    let other = Web::serve(move |_| Answer::ok(archive.clone()));
    let url = other.url();
    hub.lie(move |asked, answer| match asked.path.starts_with("/cdn/blobs/") {
        true => Answer::status(302).with("location", &format!("{url}/blob")),
        false => answer,
    });
    assert_eq!(outcome(&report(&machine, &["poll"], 0), "pdf")["outcome"], "updated");
    assert_eq!(other.asked()[0].header("x-api-key"), None);
}
