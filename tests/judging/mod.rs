//! What judging makes of a past that changes, on both databases: late data, other hands, plans, decisions, and the alerts of it all.
