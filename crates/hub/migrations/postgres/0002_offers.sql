-- What an open index says of a release beside its files, so that no archive is opened for it. Releases from before have none
-- until their archive was looked into.
alter table releases add column offer_json text;
