//! Archives that are not what the database says: nobody is given the whole of one, and the log says why.

use super::line::{Reply, head, send};
use super::*;

#[test]
fn nobody_has_the_whole_of_an_archive_that_is_damaged() {
    let hub = hub();
    let noise: Vec<u8> = (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for (slug, more) in [("small", &noise[..40]), ("large", &noise[..])] {
        let skill_md = format!("---\nname: {slug}\ndescription: Knows. Use it.\n---\n# It\n");
        let archive = upload::pack(&[("SKILL.md", skill_md.as_bytes()), ("data.bin", more)]);
        let upload = Upload { archive: archive.clone(), ..Upload::of(slug, "1.0.0", "") };
        assert_eq!(upload.to(&hub, hub.admin_key()).status, 201);
        let digest = skillsync_core::digest::ArchiveDigest::of(&archive).hex();
        let blob = hub.data().join("blobs/blobs/sha256").join(&digest);
        let (open, cdn) =
            (format!("/.well-known/skills/{slug}.tar.gz"), format!("/cdn/blobs/sha256/{digest}"));
        let is_refused = |reply: &Reply| reply.status == 500 && reply.problem(500) == "hub-failed";
        let is_cut_off = |reply: &Reply| {
            let promised: usize = reply.header("content-length").parse().unwrap();
            reply.status == 200 && reply.body.len() < promised && archive.starts_with(&reply.body)
        };
        let get = |path: &str| send(&hub, head("GET", path, &[]));

        let mut other = archive.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(&blob, &other).unwrap();
        for path in [&open, &cdn] {
            let reply = get(path);
            assert!(if slug == "small" { is_refused(&reply) } else { is_cut_off(&reply) }, "{path}");
        }
        for short in [&archive[..0], &archive[..archive.len() / 2]] {
            std::fs::write(&blob, short).unwrap();
            assert!(is_refused(&get(&open)), "{open}");
            let reply = get(&cdn);
            assert!(is_refused(&reply) || is_cut_off(&reply), "{cdn}");
        }
        std::fs::write(&blob, &archive).unwrap();
        for path in [&open, &cdn] {
            assert!(get(path).body == archive, "{path}");
        }
    }
    let log = hub.log();
    assert!(log.contains("an answer is cut off: the blob `blobs/sha256/"), "{log}");
    unharmed(&hub);
}
