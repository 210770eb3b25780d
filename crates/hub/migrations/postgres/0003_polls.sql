-- The list of skills in a manifest, which those who see the same share.
create table manifest_lists (
    sha256 bytea not null primary key,
    text bytea not null,
    stored_at bigint not null
);

-- An envelope is its head, the list where it has one, and its tail. What was stored before is all head.
alter table manifests rename column envelope to head;
alter table manifests add column list_sha256 bytea references manifest_lists (sha256);
alter table manifests add column tail bytea not null default '';
create index manifests_by_list on manifests (list_sha256);

-- Counts the keys that were revoked: while it stands still, no key that was read before has ceased to hold.
alter table catalogue add column revoked_keys bigint not null default 0;
