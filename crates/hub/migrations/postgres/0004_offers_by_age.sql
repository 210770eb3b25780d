-- What the open indexes list is chosen by age: where there is no room for all, the oldest skills stay.
create index skills_offered on skills (tier, id) where visibility = 'public' and head_seq is not null;
