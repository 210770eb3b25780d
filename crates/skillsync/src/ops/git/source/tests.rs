//! The table of addresses: what each is read as, and what is refused.

use super::*;

/// `text` is read as this address, folder and ref.
fn check(text: &str, url: &str, path: &str, reference: &str) {
    assert!(is_address(text), "not taken for an address: {text}");
    let source = Source::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let spot = source.spot();
    let found = (
        source.url(),
        spot.path.as_ref().map_or("", SkillPath::as_str),
        spot.reference.as_deref().unwrap_or_default(),
    );
    assert_eq!(found, (url, path, reference), "{text}");
}

#[test]
fn addresses_are_read() {
    let hub = "https://github.com/owner/repo.git";
    check("owner/repo", hub, "", "");
    check("owner/repo/", hub, "", "");
    check("owner/repo.git", hub, "", "");
    check("owner/repo@v2", hub, "", "v2");
    check("owner/repo@feature/new", hub, "", "feature/new");
    check("owner/repo/skills/pdf", hub, "skills/pdf", "");
    check("owner/repo/skills/pdf@v2", hub, "skills/pdf", "v2");
    check("owner/repo/skills/pdf/SKILL.md", hub, "skills/pdf", "");
    check("owner/repo/SKILL.md", hub, "", "");
    check("owner/repo/packages/@scope/pdf", hub, "packages/@scope/pdf", "");
    check("owner/repo/packages/@scope/pdf@1.0.0", hub, "packages/@scope/pdf", "1.0.0");
    check("owner/re.po_x", "https://github.com/owner/re.po_x.git", "", "");
    check("https://github.com/owner/repo", hub, "", "");
    check("https://www.github.com/owner/repo.git/", hub, "", "");
    check("https://github.com/owner/repo@v2", hub, "", "v2");
    check(
        "https://github.com/owner/repo//skills/pdf@v2",
        "https://github.com/owner/repo",
        "skills/pdf",
        "v2",
    );
    check("https://github.com/owner/repo/tree/main/skills/pdf", hub, "skills/pdf", "main");
    check("https://github.com/owner/repo/tree/main", hub, "", "main");
    check("https://github.com/owner/repo/blob/main/skills/a%20b/SKILL.md", hub, "skills/a b", "main");
    check("https://gitlab.com/group/sub/repo", "https://gitlab.com/group/sub/repo", "", "");
    check("https://host.test/group/sub/repo.git", "https://host.test/group/sub/repo.git", "", "");
    check("https://host.test/x.git//skills/pdf@v1", "https://host.test/x.git", "skills/pdf", "v1");
    check("https://host.test/x.git/skills/pdf", "https://host.test/x.git", "skills/pdf", "");
    check("https://host.test:8443/g/x/-/tree/main/pdf", "https://host.test:8443/g/x", "pdf", "main");
    check("git+https://host.test/x", "https://host.test/x", "", "");
    check("git@host.test:owner/repo.git", "git@host.test:owner/repo.git", "", "");
    check("git@host.test:owner/repo.git@v1", "git@host.test:owner/repo.git", "", "v1");
    check("git@host.test:owner/repo.git//skills/pdf@v1", "git@host.test:owner/repo.git", "skills/pdf", "v1");
    check("work:owner/repo", "work:owner/repo", "", "");
    check("ssh://git@host.test:2222/owner/repo.git", "ssh://git@host.test:2222/owner/repo.git", "", "");
    check("ssh://host.test/~ada/repo@v1", "ssh://host.test/~ada/repo", "", "v1");
    check("file:///srv/git/repo", "file:///srv/git/repo", "", "");
    check("file:///srv/a b/repo//skills/pdf@3f2a9c1", "file:///srv/a b/repo", "skills/pdf", "3f2a9c1");
}

#[test]
fn a_repository_has_a_name_for_its_folder() {
    let check = |text: &str, name: &str| assert_eq!(Source::parse(text).unwrap().name(), name, "{text}");
    check("owner/repo/skills/pdf", "repo");
    check("git@host.test:repo.git", "repo");
    check("file:///srv/git/repo/", "repo");
    check("file:///srv/..", "repository");
    check("file:///srv/.git", "repository");
}

#[test]
fn a_ref_with_slashes_in_a_web_address_has_several_readings() {
    let source = Source::parse("https://github.com/owner/repo/tree/feature/new/skills/pdf/x").unwrap();
    let readings: Vec<_> = source
        .spots()
        .iter()
        .map(|s| (s.reference.as_deref().unwrap(), s.path.as_ref().map_or("", SkillPath::as_str)))
        .collect();
    assert_eq!(
        readings,
        [
            ("feature", "new/skills/pdf/x"),
            ("feature/new", "skills/pdf/x"),
            ("feature/new/skills", "pdf/x"),
            ("feature/new/skills/pdf", "x"),
        ]
    );
}

#[test]
fn hostile_and_wrong_addresses_are_refused() {
    let invalid = [
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x",
        "owner/repo@--upload-pack=x",
        "owner/repo@a..b",
        "owner/repo@main:refs/heads/main",
        "owner/repo@",
        "owner/repo@x.lock",
        "owner/repo/.git/hooks",
        "owner/..",
        "owner/-repo",
        "owner/repo\n",
        " owner/repo",
        "owner/re\u{202e}po",
        "https://-host/x.git",
        "https://host.test",
        "https://host.test/../x.git",
        "https://host.test/x.git?service=a",
        "https://host.test/x.git#main",
        "https://host.test/%zz.git",
        "https://host.test/a%0ab.git",
        "https://github.com/owner",
        "https://github.com/owner/repo/pulls",
        "https://github.com/owner/repo/blob/main",
        "https://github.com/owner/repo/tree/main@v1",
        "https://host.test:port/x.git",
        "ssh://-oProxyCommand=x/y",
        "ssh://-x@host.test/y",
        "-oProxyCommand=x:y",
        "git@-oProxyCommand=x:y",
        "git@host.test:-x",
        "git@host.test:",
        "file://host.test/x",
        "file:///",
    ];
    for text in invalid {
        let error = Source::parse(text).expect_err(text);
        assert_eq!(error.code(), "git-address-invalid", "{text}");
    }
    for text in
        ["owner/repo/../../x", "owner/repo/a\\b", "file:///srv/x//../../y", "git@h.test:x.git//a/../b"]
    {
        assert_eq!(Source::parse(text).expect_err(text).code(), "path-invalid", "{text}");
    }
    let refused = [
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "git+ext::sh",
        "http://host.test/x.git",
        "git://host.test/x.git",
        "ftp://host.test/x.git",
        "HTTPS://host.test/x.git",
    ];
    for text in refused {
        let error = Source::parse(text).expect_err(text);
        assert_eq!(error.code(), "git-transport-refused", "{text}");
    }
}

#[test]
fn what_is_no_address_is_a_folder() {
    for text in [
        "",
        ".",
        "./owner/repo",
        "../x",
        "/srv/x",
        "~/x",
        "~",
        "skill",
        "a/b c",
        "C:\\x",
        "-x",
        "a//b",
        "é/x",
        "https://host.test/docs",
        "https://host.test",
        "Skill (1)/x",
    ] {
        assert!(!is_address(text), "{text}");
    }
    // These are no folders: reading them says what is wrong.
    for text in ["ext::sh -c x", "http://host.test/x", "git@-x:y", "owner/repo@--x"] {
        assert!(is_address(text) && Source::parse(text).is_err(), "{text}");
    }
}

#[test]
fn credentials_are_kept_for_git_and_shown_to_nobody() {
    let source = Source::parse("https://ada:s3cret@host.test/x.git//pdf@v1").unwrap();
    assert_eq!((source.url(), source.login()), ("https://host.test/x.git", Some("ada:s3cret")));
    assert_eq!(source.to_string(), "https://host.test/x.git//pdf@v1");
    let token = Source::parse("https://s3cret@github.com/owner/repo").unwrap();
    assert_eq!(token.login(), Some("s3cret"));
    let ssh = Source::parse("ssh://git:s3cret@host.test/x").unwrap();
    assert_eq!(ssh.url(), "ssh://git@host.test/x");
    let wrong = Source::parse("https://ada:s3cret@host.test/x.git?a").unwrap_err();
    for text in [format!("{source:?}{source}{token:?}{token}{ssh:?}"), format!("{wrong:?} {wrong}")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!(
        without_login("fatal: 'https://a:b@h/x' and https://c@h\u{1b}"),
        "fatal: 'https://h/x' and https://h\\u{1b}"
    );
}
