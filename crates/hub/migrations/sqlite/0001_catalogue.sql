-- Everything the hub knows, apart from blobs. The same tables and columns as in ../postgres, which a test compares.
-- Times are milliseconds since 1970 in UTC; digests are their 32 bytes; JSON is text. Texts compare by their bytes.

create table accounts (
    name text not null primary key,
    tier bigint not null, -- 0 free, 1 pro, 2 operator: an account may have what is of its tier or below
    created_at bigint not null
);

create table keys (
    id text not null primary key,
    account text not null references accounts (name),
    secret_sha256 blob not null,
    label text not null,
    scopes text not null, -- separated by spaces
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    last_used_at bigint
);
create index keys_by_account on keys (account, created_at desc, id);

-- One row. `generation` grows with every change that can change what some caller may have, `warnings` with every
-- change of what must not be used. `root_version` is the newest root: what is signed under another comes too late.
create table catalogue (
    id bigint not null primary key check (id = 1),
    generation bigint not null,
    warnings bigint not null,
    root_version bigint not null
);
insert into catalogue (id, generation, warnings, root_version) values (1, 1, 1, 0);

create table skills (
    id integer not null primary key, -- for the search alone; everything else names a skill by its slug
    slug text not null unique,
    owner text not null references accounts (name),
    title text not null,
    description text not null,
    category text not null,
    visibility text not null check (visibility in ('public', 'private')),
    tier bigint not null,
    last_seq bigint not null, -- the newest release
    head_seq bigint, -- the newest release that is not yanked
    floor_seq bigint, -- no release below it may be used
    deprecated text,
    replaced_by text,
    quality_score double precision not null default 0,
    installs bigint not null default 0,
    popularity double precision not null default 0, -- quality_score + ln(1 + installs)
    verified_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
-- What one caller may have is found here, however much else there is: its own, and the public ones of each tier.
create index skills_by_owner on skills (owner, slug) where head_seq is not null;
create index skills_public on skills (tier, slug) where visibility = 'public' and head_seq is not null;
create index skills_popular on skills (tier, popularity desc, updated_at desc, slug)
    where visibility = 'public' and head_seq is not null;
create index skills_floors on skills (slug) where floor_seq is not null;

create table releases (
    slug text not null references skills (slug),
    seq bigint not null,
    version text not null,
    content_hash blob not null,
    tarball_sha256 blob not null,
    size_bytes bigint not null,
    unpacked_bytes bigint not null,
    files bigint not null,
    release_sha256 blob not null unique,
    release_size bigint not null,
    signature text not null,
    published_at bigint not null,
    yanked_at bigint,
    yank_reason text,
    revoked boolean not null default false,
    changelog text not null,
    files_json text not null, -- last, since it may be long and is seldom read
    primary key (slug, seq),
    unique (slug, version)
);
create index releases_by_tarball on releases (tarball_sha256, slug);
create index releases_revoked on releases (slug, seq) where revoked;

-- The statements that releases had before the release key was replaced: clients may hold those yet.
create table former_statements (
    release_sha256 blob not null primary key,
    slug text not null,
    seq bigint not null,
    foreign key (slug, seq) references releases (slug, seq)
);
create index former_statements_by_release on former_statements (slug, seq);

-- Statements signed by the key that is about to replace another, until they take the place of the old ones.
create table next_statements (
    slug text not null,
    seq bigint not null,
    release_sha256 blob not null,
    release_size bigint not null,
    signature text not null,
    primary key (slug, seq)
);

create table installs (
    key_id text not null references keys (id),
    slug text not null references skills (slug),
    installed_at bigint not null,
    primary key (key_id, slug)
);

create table roots (
    version bigint not null primary key,
    envelope blob not null
);

create table advisories (
    version bigint not null primary key,
    warnings bigint not null, -- the state of the catalogue's `warnings` that they say
    expires_at bigint not null,
    sha256 blob not null,
    envelope blob not null
);

-- The newest manifest of each audience.
create table manifests (
    audience text not null primary key,
    epoch bigint not null,
    version bigint not null,
    generation bigint not null, -- the catalogue's generation that it is true of; 0 once it is out of date otherwise
    issued_at bigint not null,
    expires_at bigint not null,
    sha256 blob not null,
    envelope blob not null
);

create table states (
    key_id text not null primary key references keys (id),
    reported_at bigint not null,
    skills_json text not null
);

-- The words of each skill, found by skills.id. The text is not kept twice.
create virtual table skill_search using fts5 (
    slug, title, description, body, tokenize = 'porter unicode61 remove_diacritics 0', content = '', contentless_delete = 1
);
