//! H6: what leaves a machine is what a hub must know, and nothing of the machine.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use skillsync_testkit::web::Asked;
use skillsync_testkit::{SkillBuilder, page, say};

use crate::between::recorder;
use crate::scene::{Host, Scene};

/// All of a request as text; bytes that are none are replaced.
fn text(asked: &Asked) -> String {
    let headers = asked.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
    format!("{} {}\n{headers}\n{}\n", asked.method, asked.path, String::from_utf8_lossy(&asked.body))
}

/// What of this machine must not be in any request.
fn canaries(host: &Host) -> Vec<String> {
    let name = Command::new("uname").arg("-n").output().map(|output| output.stdout).unwrap_or_default();
    let name = String::from_utf8_lossy(&name).trim().to_owned();
    let home = host.machine.home().display().to_string();
    let mut canaries = vec![home, "canary-of-the-environment".to_owned(), "canary-user".to_owned()];
    // A name such as `a` is in everything.
    canaries.extend((name.len() > 4).then_some(name));
    canaries
}

/// The variables of a user with secrets.
pub(crate) fn variables() -> Vec<(String, String)> {
    [
        ("USER", "canary-user"),
        ("AWS_SECRET_ACCESS_KEY", "canary-of-the-environment"),
        ("LANG", "canary-of-the-environment"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Nothing of the machine is in what was asked.
#[track_caller]
pub(crate) fn tells_nothing(host: &Host, asked: &[Asked]) {
    assert!(!asked.is_empty(), "nothing was recorded");
    for request in asked {
        let text = text(request);
        for canary in canaries(host) {
            assert!(!text.contains(&canary), "{canary} in\n{text}");
        }
        assert!(!request.path.contains("rec_live_"), "a key in an address: {}", request.path);
        let known = [
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "x-api-key",
            "if-none-match",
            "content-type",
            "content-length",
            "connection",
        ];
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| &**name).collect();
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        let agent = request.header("user-agent").unwrap_or_default();
        assert!(agent.starts_with("skillsync/") && agent.len() < 24, "{agent}");
    }
}

#[test]
fn h6_nothing_of_a_machine_goes_to_a_hub_with_what_is_asked() {
    let scene = Scene::new();
    let recorder = recorder(&scene);
    let ann = scene.stranger(scene.key("ann", "read,publish"));
    ann.join(&recorder.url(), scene.hub.root_sha256(), "team");
    let first = recorder.take_asked();
    assert!(first.iter().all(|asked| asked.header("x-api-key").is_none()), "a key for who is not known yet");
    tells_nothing(&ann, &first);

    ann.author(&SkillBuilder::new("pdf").script("run.sh", "#!/bin/sh\n"), "pdf");
    let variables = variables();
    ann.run_with(&["publish", "pdf", "--public"], &variables).ok();
    let published = recorder.take_asked();
    tells_nothing(&ann, &published);
    // In the archive there are the files of the skill, and nothing else has a name in it.
    let upload = published.iter().find(|asked| asked.method == "POST").unwrap_or(&published[0]);
    let start = upload.body.windows(2).position(|two| two == [0x1f, 0x8b]).unwrap_or_default();
    ann.machine.write("upload.tar.gz", &upload.body[start..]);
    let listed =
        ann.machine.command_of("tar".as_ref(), &["-tzvf", "upload.tar.gz", "--numeric-owner"]).run().either();
    let names: Vec<&str> = listed.stdout.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["SKILL.md", "run.sh"], "{listed}");
    assert!(
        listed.stdout.lines().all(|line| line.contains(" 0/0 ") && line.contains("1970-01-01")),
        "{listed}"
    );

    ann.run_with(&["search", "pdf", "files"], &variables).ok();
    tells_nothing(&ann, &recorder.take_asked());
    let login = ann.machine.command(&["login", "team", "--json"]).stdin(ann.key.clone()).run();
    ann.note(&login);
    assert_eq!(page::keys(&login.ok().json()), page::documented("login", ""));
    tells_nothing(&ann, &recorder.take_asked());
    // What asks nobody asks nobody.
    for args in [
        &["source", "list"][..],
        &["source", "trust", "team"],
        &["publish", "pdf", "-n"],
        &["ls"],
        &["sync", "--offline"],
    ] {
        ann.run_with(args, &variables).ok();
    }
    assert!(recorder.take_asked().is_empty());
}

#[test]
fn h6_a_hub_asks_nobody_anything() {
    let scene = Scene::new();
    let ann = scene.host("ann", "read,publish");
    ann.author(&SkillBuilder::new("pdf").body("# pdf\n\nSee https://example.test/help.\n"), "pdf");
    let (log, pid) = (ann.machine.path("connects.txt"), scene.hub.pid().to_string());
    let mut trace = Command::new("strace");
    trace.args(["-f", "-e", "trace=connect,accept4,sendto,sendmsg", "-p", &pid, "-o"]).arg(&log);
    let Ok(mut trace) = trace.stderr(Stdio::null()).spawn() else {
        return say("SKIPPED what a hub asks: strace is not installed");
    };
    let seen = || std::fs::read_to_string(&log).unwrap_or_default();
    // Attached when it sees a connection come in. A request that came before that is not in the log.
    let hangs = Instant::now() + Duration::from_secs(30);
    while !seen().contains("accept4(") {
        assert!(Instant::now() < hangs, "strace sees nothing of the hub");
        assert_eq!(scene.hub.ask("GET", "/healthz", None, None).status, 200);
    }
    ann.publish("pdf");
    for args in [&["search", "pdf"][..], &["install", "pdf"], &["poll"]] {
        ann.run(args).either();
    }
    assert_eq!(scene.hub.ask("GET", "/readyz", None, None).status, 200);
    let _ = Command::new("kill").args(["-TERM", &trace.id().to_string()]).status();
    let _ = trace.wait();
    let asked: Vec<String> =
        seen().lines().filter(|line| line.contains("connect(")).map(str::to_owned).collect();
    assert!(asked.is_empty(), "it asked somebody: {asked:?}");
    assert!(seen().matches("accept4(").count() > 3, "the session was not seen");
}
