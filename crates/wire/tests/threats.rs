//! Every row of the table of threats that can be decided without a network, by its number, against a hub in memory that
//! can tell any lie. What needs a network, a disk or a crash (rows 15, 20, 25 beyond its rules, 26) is asked of the client, and
//! every row of the whole program: `crates/client/tests`, `crates/skillsync/tests/installs/threats`. One or more of each row are
//! files, too, for other programs: `attacks.rs`.
//!
//! | row | threat | test |
//! |---|---|---|
//! | 1 | arbitrary install | `flips::t01_*` |
//! | 2 | unsigned, or signed by the key of another role | `signatures::t02_*` |
//! | 3 | one type of document as another | `signatures::t03_*` |
//! | 4 | threshold padding | `signatures::t04_*`, and the rooms `envelope`, `root` |
//! | 5 | bad input to the signature scheme | `signatures::t05_*`, and the room `key` |
//! | 6 | an older manifest | `manifests::t06_*` |
//! | 7 | an older release | `releases::t07_*` |
//! | 8, 9 | freeze, freeze by 304 | `manifests::t08_*` |
//! | 10 | mix and match | `releases::t10_*` |
//! | 11 | wrong software | `releases::t11_*` |
//! | 12, 13 | replay of another caller's or hub's manifest | `manifests::t12_*`, `manifests::t13_*` |
//! | 14 | endless data | `signatures::t14_*`, and `hostile.rs` for archives |
//! | 16 | extraneous dependencies | `releases::t16_*` |
//! | 17 | fast-forward | `roots::t17_*` |
//! | 18 | the manifest key alone is stolen | `releases::t18_*` |
//! | 19 | abuse of root rotation | `roots::t19_*` |
//! | 21 | equivocation | `releases::t21_*`, `manifests::t06_*` |
//! | 22 | sandbox stripping | `releases::t22_*` |
//! | 23 | a revocation that is ignored | `releases::t23_*` |
//! | 24 | other bytes are unpacked than were verified | `hostile.rs`: `what_was_promised_is_what_came` |
//! | 25 | a crash in the walk of roots | `roots::t25_*` (its rules) |
//!
//! The cases of the TUF project's conformance suite, and where the same question is asked here. `snapshot` and `targets`
//! are release statement and advisories here, `timestamp` is the manifest.
//!
//! | conformance case | here |
//! |---|---|
//! | `test_basic_refresh_requests`, `test_implicit_refresh` | requests: `installs`: `a_poll_brings_what_is_new_and_asks_once_where_nothing_is`; the order is in the types of `trust` |
//! | `test_basic_refresh_trusted_data` | `manifests::a_sync_is_remembered` |
//! | `test_invalid_initial_root`, `test_unsigned_initial_root` | `roots::the_first_root_is_whole_signed_and_the_one_that_was_named` |
//! | `test_unsigned_metadata` | `signatures::t02_*` |
//! | `test_url_and_metadata_version_mismatch` | `roots::t19_*` (root), `releases::t10_*` (the others) |
//! | `test_timestamp_content_changes` | `manifests::t06_*` (same version, other bytes: refused) |
//! | `test_basic_metadata_hash_support` | `manifests::a_sync_is_remembered` (digests are obligatory) |
//! | `test_targets_hash_mismatch`, `test_snapshot_hash_mismatch` | `releases::t10_*`, `releases::t11_*` |
//! | `test_metadata_bytes_match` | the digest of the envelope as it came: `manifests::a_sync_is_remembered` |
//! | `test_custom_fields` | `releases::t16_*` |
//! | `test_deprecated_keyid_hash_algorithms` | `releases::t16_*` (a key with unknown fields) |
//! | `test_snapshot_404`, `test_targets_404`, `test_timestamp_404` | without the bytes there is no next step: `installs`: `without_the_hub_everything_goes_on_working` |
//! | `test_incorrect_metadata_type` | `signatures::t03_*` |
//! | `test_faketime` | the time is an argument |
//! | `test_root_expired` | `roots::t19_*` |
//! | `test_timestamp_expired` | `manifests::t08_*` |
//! | `test_snapshot_expired`, `test_targets_expired` | `releases::advisories_hold_for_a_week_at_most` |
//! | `test_expired_local_root` | `roots::t19_*` (an expired root on the way) |
//! | `test_expired_local_timestamp` | `manifests::t08_*` |
//! | `test_client_downloads_expected_file`, `.._in_sub_dir` | `vectors.rs`, `properties.rs` (archives) |
//! | `test_repository_substitutes_target_file`, `test_multiple_changes_to_target` | `releases::t11_*`; `hostile.rs`: `what_was_promised_is_what_came` |
//! | `test_download_with_hash_algorithms`, `.._with_unknown_hash_algorithm` | there is one algorithm |
//! | `test_artifact_cache` | the room `download` of the client |
//! | `test_snapshot_does_not_meet_threshold` | `signatures::t04_*` |
//! | `test_snapshot_has_too_few_keys` | room `root`: `a_root_that_could_not_be_met_or_could_be_padded_is_refused` |
//! | `test_duplicate_keys`, `test_duplicate_sig_keyids` | `signatures::t04_*` |
//! | `test_keytype_and_scheme` | `signatures::t05_*` (one algorithm; every other is refused) |
//! | `test_invalid_sig_in_valid_metadata` | `signatures::a_bad_signature_beside_enough_good_ones_counts_for_nothing` |
//! | `test_new_timestamp_version_rollback` | `manifests::t06_*` |
//! | `test_snapshot_rollback`, `test_targets_rollback` | `releases::t07_*`, `releases::advisories_never_go_back` |
//! | `test_targets_role_removal` | a skill may be removed: `releases::t07_*` (it stays remembered) |
//! | `test_targets_fast_forward_recovery`, `test_new_snapshot_fast_forward_recovery`, `test_new_timestamp_fast_forward_recovery` | `roots::t17_*` |
//! | `test_graph_traversal`, `test_targetfile_search`, `test_delegation_not_in_snapshot`, `test_cached_role_is_verified_against_current_delegator`, `test_unusual_role_name` | there is no delegation |
//! | `test_root_rotation` | `roots::t19_*` |
//! | `test_non_root_rotations` | `roots::keys_of_roles_are_replaced` |
//! | `test_static_repository` | `vectors.rs` |
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[path = "threats/hub.rs"]
mod hub;
#[path = "threats/documents.rs"]
mod documents;
#[path = "threats/flips.rs"]
mod flips;
#[path = "threats/manifests.rs"]
mod manifests;
#[path = "threats/releases.rs"]
mod releases;
#[path = "threats/roots.rs"]
mod roots;
#[path = "threats/signatures.rs"]
mod signatures;
