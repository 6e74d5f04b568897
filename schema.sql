-- The index of one forum: what the repositories of the AT Protocol say, arranged for reading.
--
-- Read from top to bottom:
--   1. sync        what we took from which repository, and how far we are in the stream
--   2. accounts    whom we know, where they live, whether they may be seen
--   3. the forum   what the forum's own repository holds: structure, roles, moderation
--   4. members     what members' repositories hold: posts, memberships, reactions
--   5. counts      topics and boards; kept by triggers, so they cannot drift from the rows they count
--   6. ours alone  what no repository holds: who is signed in, or about to be, or writing; reports; the audit
--
-- Records refer to each other by AT-URI and are joined when read: a reply may come before its topic.
-- Text that is compared or ordered as the protocol does it (DIDs, keys, revs, URIs) is COLLATE "C".
-- Everything here but sessions and the like can be built again from the repositories alone.


-- 1. Sync ------------------------------------------------------------------------------------------------------------

-- The ledger: the last thing we know of every record key we ever heard of. An operation takes effect if and only if its
-- rev is higher than the ledger's and the floor's. A row without cid says that the record is gone, or why it is not kept.
CREATE TABLE ledger (
    did         text COLLATE "C" NOT NULL,
    collection  text COLLATE "C" NOT NULL,
    rkey        text COLLATE "C" NOT NULL,
    rev         text COLLATE "C" NOT NULL,
    cid         text COLLATE "C",
    why         text,                       -- too_long, foreign, …; NULL for a plain delete
    version     smallint NOT NULL,          -- of our reading of records; older rows are read anew by the next snapshot
    PRIMARY KEY (did, collection, rkey)
);

-- The rev of the last snapshot of a collection: whatever is not newer was already said by it.
CREATE TABLE floors (
    did         text COLLATE "C" NOT NULL,
    collection  text COLLATE "C" NOT NULL,
    rev         text COLLATE "C" NOT NULL,
    PRIMARY KEY (did, collection)
);

-- How far each repository is known. `seen_rev` follows the raw stream; `synced_rev` vouches that all up to it is here.
CREATE TABLE repos (
    did             text COLLATE "C" PRIMARY KEY,
    seen_rev        text COLLATE "C",
    synced_rev      text COLLATE "C",
    stale_since     timestamptz,            -- what we hold may be wrong: to be fetched anew
    stale_reason    text,
    stale_marks     bigint NOT NULL DEFAULT 0,  -- grows with each cause, so a snapshot clears only what it has seen
    mend_at         timestamptz NOT NULL DEFAULT now(),     -- not fetched before
    mend_failures   integer NOT NULL DEFAULT 0
);
-- Health counts the stale ones; mending takes those whose turn it is.
CREATE INDEX repos_stale ON repos (mend_at) WHERE stale_since IS NOT NULL;

-- Who reads the stream. Cursor writes are conditional on the epoch: a leader that was replaced changes nothing.
CREATE TABLE leader (
    single          boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch           bigint NOT NULL,
    heartbeat_at    timestamptz NOT NULL
);
INSERT INTO leader (epoch, heartbeat_at) VALUES (0, 'epoch');

-- How each process is, renewed every second by itself for all others. Not logged: lost, it is told anew.
CREATE UNLOGGED TABLE processes (
    name            text PRIMARY KEY,
    told_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    vitals          json NOT NULL
);

-- Where we are in the stream; written in the transaction of the events it vouches for.
CREATE TABLE stream (
    single          boolean PRIMARY KEY DEFAULT true CHECK (single),
    source          text NOT NULL,
    cursor          bigint,
    connected_at    timestamptz NOT NULL    -- when we were last connected and caught up
);

-- What the stream could not give us; closed by a completed backfill that began later.
CREATE TABLE gaps (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source          text NOT NULL,
    from_cursor     bigint,
    reason          text NOT NULL,
    opened_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at       timestamptz
);
-- One open gap per source, cause and place: reconnecting a hundred times does not open a hundred.
CREATE UNIQUE INDEX gaps_open ON gaps (source, reason, coalesce(from_cursor, -1)) WHERE closed_at IS NULL;


-- Backfill jobs. One is in progress at most, whichever process was asked for it.
CREATE TABLE backfills (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type            text NOT NULL CHECK (type IN ('catch_up', 'full_sync')),
    status          text NOT NULL DEFAULT 'in_progress'
                    CHECK (status IN ('in_progress', 'completed', 'failed', 'cancelled')),
    planned         boolean NOT NULL DEFAULT false,     -- backfill_repos is complete
    cancel_asked    boolean NOT NULL DEFAULT false,
    dids_total      bigint NOT NULL DEFAULT 0,
    dids_processed  bigint NOT NULL DEFAULT 0,
    records_indexed bigint NOT NULL DEFAULT 0,
    error_count     bigint NOT NULL DEFAULT 0,
    error_message   text,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at    timestamptz
);
CREATE UNIQUE INDEX backfills_one_at_a_time ON backfills (status) WHERE status = 'in_progress';

-- The repositories a job visits, in this order. A job that was interrupted goes on with what is not done.
CREATE TABLE backfill_repos (
    backfill_id     bigint NOT NULL REFERENCES backfills ON DELETE CASCADE,
    did             text COLLATE "C" NOT NULL,
    place           bigint GENERATED ALWAYS AS IDENTITY,
    tries           integer NOT NULL DEFAULT 0,
    try_at          timestamptz NOT NULL DEFAULT now(),
    is_done         boolean NOT NULL DEFAULT false,
    pds             text,                   -- of an account we do not know, once asked about: a crowded host waits
    PRIMARY KEY (backfill_id, did)
);
CREATE INDEX backfill_repos_next ON backfill_repos (backfill_id, place) WHERE NOT is_done;

CREATE TABLE backfill_errors (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    backfill_id     bigint NOT NULL REFERENCES backfills ON DELETE CASCADE,
    did             text COLLATE "C" NOT NULL,
    collection      text COLLATE "C",
    error_message   text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX backfill_errors_of ON backfill_errors (backfill_id, id);


-- 2. Accounts --------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    did             text COLLATE "C" PRIMARY KEY,
    handle          text COLLATE "C",       -- NULL: not known, or not confirmed in both directions
    pds             text,                   -- origin, https://host
    signing_key     text,                   -- multibase, of #atproto
    resolved_at     timestamptz,
    shown_handle    text COLLATE "C"        -- as people see it; of who was never asked about nothing can be said
                    GENERATED ALWAYS AS (
                        coalesce(handle, CASE WHEN resolved_at IS NOT NULL THEN 'handle.invalid' END)) STORED,
    refresh_at      timestamptz DEFAULT now(),  -- when the identity actor asks next; NULL: never again
    refresh_failures integer NOT NULL DEFAULT 0,
    status          text NOT NULL DEFAULT 'active'
                    CHECK (status IN ('active', 'deactivated', 'suspended', 'takendown', 'deleted')),
    banned          boolean NOT NULL DEFAULT false, -- the decision of mod_actions, kept here to be joined cheaply
    topics_until    text COLLATE "C",       -- limits_of(), kept here likewise: topics with higher keys are not shown;
    replies_until   text COLLATE "C"        -- NULL: all are
);
-- Identity: the next accounts to ask about.
CREATE INDEX accounts_due ON accounts (refresh_at) WHERE refresh_at IS NOT NULL;
-- Permalinks by handle.
CREATE INDEX accounts_by_handle ON accounts (handle) WHERE handle IS NOT NULL;

-- What accounts were called before, so that old permalinks still lead to them. Lost, only those by DID do.
CREATE TABLE former_handles (
    handle          text COLLATE "C" NOT NULL,
    did             text COLLATE "C" NOT NULL,
    PRIMARY KEY (handle, did)
);
-- To forget an account.
CREATE INDEX former_handles_of ON former_handles (did);

CREATE FUNCTION keep_former_handle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO former_handles (handle, did) VALUES (old.handle, old.did) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_renamed AFTER UPDATE OF handle ON accounts
    FOR EACH ROW WHEN (old.handle <> coalesce(new.handle, '')) EXECUTE FUNCTION keep_former_handle();


-- 3. The forum's own records -------------------------------------------------------------------------------------------

CREATE TABLE forum (
    uri             text COLLATE "C" PRIMARY KEY,
    name            text NOT NULL,
    description     text,
    created_at      timestamptz
);

CREATE TABLE categories (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uri             text COLLATE "C" NOT NULL UNIQUE,
    name            text NOT NULL,
    description     text,
    slug            text,
    sort_order      bigint NOT NULL,
    created_at      timestamptz NOT NULL
);

CREATE TABLE boards (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uri             text COLLATE "C" NOT NULL UNIQUE,
    category_uri    text COLLATE "C" NOT NULL,
    name            text NOT NULL,
    description     text,
    slug            text,
    sort_order      bigint NOT NULL,
    created_at      timestamptz NOT NULL
);

CREATE TABLE roles (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uri             text COLLATE "C" NOT NULL UNIQUE,
    name            text NOT NULL,
    description     text,
    permissions     text[] NOT NULL,
    priority        bigint NOT NULL,        -- 0 is strongest
    created_at      timestamptz NOT NULL
);

-- Who holds which role: the newest per subject decides; without role_uri, back to the default.
CREATE TABLE grants (
    rkey            text COLLATE "C" PRIMARY KEY,
    subject         text COLLATE "C" NOT NULL,
    role_uri        text COLLATE "C",
    created_by      text COLLATE "C" NOT NULL,
    created_at      timestamptz NOT NULL
);
-- The grant that decides: the first of its subject.
CREATE INDEX grants_newest ON grants (subject, rkey DESC);

-- Moderation, append-only. `ban`/`unban` are the pair ban, on and off; and so on. The newest not yet expired decides.
CREATE TABLE mod_actions (
    id              bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    rkey            text COLLATE "C" PRIMARY KEY,
    pair            text NOT NULL,          -- ban, lock, pin, delete, mute
    is_on           boolean NOT NULL,
    subject         text COLLATE "C" NOT NULL,  -- a DID or the URI of a post
    reason          text,
    created_by      text COLLATE "C" NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    is_over         boolean NOT NULL DEFAULT false  -- it has expired, and its subject was decided about since
);
-- in_force(): the first of its subject and pair; since_when(): all of them.
CREATE INDEX mod_actions_newest ON mod_actions (subject, pair, rkey DESC);
-- The clock: the next to end.
CREATE INDEX mod_actions_due ON mod_actions (expires_at) WHERE expires_at IS NOT NULL AND NOT is_over;

-- The key of the action in force on a subject, NULL where there is none. As of the statement, not of the transaction:
-- that may have begun before an end which another one, while it waited for the ledger's lock, has already seen to.
CREATE FUNCTION in_force(the_pair text, the_subject text) RETURNS text
LANGUAGE sql STABLE
RETURN (
    SELECT CASE WHEN newest.is_on THEN newest.rkey END
      FROM (SELECT a.rkey, a.is_on
              FROM mod_actions a
             WHERE a.subject = the_subject AND a.pair = the_pair
               AND (a.expires_at IS NULL OR a.expires_at > statement_timestamp())
             ORDER BY a.rkey DESC
             LIMIT 1) AS newest
);

-- The moment a TID names: microseconds, five bits a letter; its last two letters are of something else.
CREATE FUNCTION moment_of(tid text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
RETURN (
    SELECT timestamptz 'epoch' + interval '1 microsecond'
           * sum((strpos('234567abcdefghijklmnopqrstuvwxyz', substr(tid, n, 1)) - 1) * 32 ^ (11 - n))
      FROM generate_series(1, 11) AS n
);

-- Since when a subject has been locked or muted: the key of the action that began it; NULL where in_force() is. What
-- comes while it lasts prolongs it and begins nothing anew, also when what was before has expired since. An "off" not
-- yet expired ends it, and so does a time for which all that was "on" had run out.
CREATE FUNCTION since_when(the_pair text, the_subject text) RETURNS text
LANGUAGE sql STABLE
RETURN CASE WHEN in_force(the_pair, the_subject) IS NOT NULL THEN (
    SELECT max(rkey) FILTER (WHERE prolongs IS NOT TRUE)
      FROM (SELECT a.rkey, moment_of(a.rkey) <= max(coalesce(a.expires_at, 'infinity')) OVER (
                               ORDER BY a.rkey ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS prolongs
              FROM mod_actions a
             WHERE a.subject = the_subject AND a.pair = the_pair AND a.is_on
               AND a.rkey > coalesce((SELECT max(o.rkey)
                                        FROM mod_actions o
                                       WHERE o.subject = the_subject AND o.pair = the_pair AND NOT o.is_on
                                         AND (o.expires_at IS NULL OR o.expires_at > statement_timestamp())), '')
           ) AS run
) END;

-- What the settings say and statements must know. The leader writes it before it reads the stream.
CREATE TABLE settings (
    single          boolean PRIMARY KEY DEFAULT true CHECK (single),
    forum_did       text COLLATE "C",
    default_role    text DEFAULT 'Member'   -- by its name; NULL: joining is by approval
);
INSERT INTO settings DEFAULT VALUES;

-- The roles that can be had: the forum's, or those built in while its repository has none.
CREATE VIEW roles_in_force AS
SELECT uri, name, permissions, priority FROM roles
 UNION ALL
SELECT NULL, name, permissions, priority
  FROM (VALUES ('Owner', '{*}'::text[], 0),
               ('Admin', '{space.atbb.permission.manageCategories, space.atbb.permission.manageRoles,
                           space.atbb.permission.manageMembers, space.atbb.permission.manageThemes,
                           space.atbb.permission.moderatePosts, space.atbb.permission.lockTopics,
                           space.atbb.permission.pinTopics, space.atbb.permission.banUsers,
                           space.atbb.permission.createTopics, space.atbb.permission.createPosts}', 10),
               ('Moderator', '{space.atbb.permission.moderatePosts, space.atbb.permission.lockTopics,
                               space.atbb.permission.pinTopics, space.atbb.permission.banUsers,
                               space.atbb.permission.createTopics, space.atbb.permission.createPosts}', 20),
               ('Member', '{space.atbb.permission.createTopics, space.atbb.permission.createPosts}', 30)
       ) AS built_in (name, permissions, priority)
 WHERE NOT EXISTS (SELECT FROM roles);

-- The role a grant gives: the one it names. If it names none, or none that is there, the default role as for those
-- without a grant; of several with that name the newest. No row: no role.
CREATE FUNCTION role_given(role_uri text) RETURNS SETOF roles_in_force
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.*
      FROM roles_in_force r, settings s
     WHERE r.uri = role_uri OR r.name = s.default_role
     ORDER BY r.uri IS NOT DISTINCT FROM role_uri DESC, r.uri DESC
     LIMIT 1;
END;

-- The role of an account: by its newest grant.
CREATE FUNCTION role_of(account text) RETURNS SETOF roles_in_force
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.*
      FROM role_given((SELECT g.role_uri FROM grants g
                        WHERE g.subject = account ORDER BY g.rkey DESC LIMIT 1)) AS r;
END;

-- Up to which keys an account's topics and replies are shown. All (NULL) if its newest grant gives the right, or there
-- is none and the default role does. Otherwise up to the grant that took the right away, the first after the last
-- giver; nothing ('') if nobody ever gave it. What a role permits is asked as of now: its past is nowhere written.
-- While an account is muted, up to where the mute began at most.
CREATE FUNCTION limits_of(account text) RETURNS TABLE (topics_until text, replies_until text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT min(rkey) FILTER (WHERE topics IS NOT TRUE), min(rkey) FILTER (WHERE replies IS NOT TRUE)
      FROM (SELECT g.rkey, bool_or(r.permissions && '{*, space.atbb.permission.createTopics}') OVER and_later AS topics,
                   bool_or(r.permissions && '{*, space.atbb.permission.createPosts}') OVER and_later AS replies
              FROM (SELECT '' AS rkey, NULL AS role_uri
                     UNION ALL SELECT rkey, role_uri FROM grants WHERE subject = account) AS g
              LEFT JOIN LATERAL role_given(g.role_uri) AS r ON true
            WINDOW and_later AS (ORDER BY g.rkey DESC)
             UNION ALL SELECT since_when('mute', account), false, false) AS given
     WHERE account IS DISTINCT FROM (SELECT forum_did FROM settings);  -- the forum itself always may
END;

CREATE TABLE themes (
    rkey            text COLLATE "C" PRIMARY KEY,
    name            text NOT NULL,
    color_scheme    text NOT NULL,
    tokens          jsonb NOT NULL,
    css_overrides   text,
    font_urls       text[] NOT NULL,
    created_at      timestamptz NOT NULL
);

CREATE TABLE theme_policy (
    uri             text COLLATE "C" PRIMARY KEY,
    policy          jsonb NOT NULL          -- the record as it is: one row, read whole
);


-- 4. Members' records --------------------------------------------------------------------------------------------------

-- Topics (without root_uri) and replies. Replies are kept also while their topic is not here: it may yet come.
CREATE TABLE posts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uri             text COLLATE "C" NOT NULL UNIQUE,
    did             text COLLATE "C" NOT NULL,
    rkey            text COLLATE "C" NOT NULL,
    cid             text COLLATE "C" NOT NULL,
    board_uri       text COLLATE "C",       -- of a topic
    root_uri        text COLLATE "C",       -- of a reply
    parent_uri      text COLLATE "C",
    title           text,
    text            text NOT NULL,
    markdown        text,
    created_at      timestamptz NOT NULL,   -- as its author says; not trusted for order
    seen_at         timestamptz NOT NULL DEFAULT now(),
    sorted_at       timestamptz NOT NULL,   -- the least of created_at, the key's time and seen_at
    edited_at       timestamptz,
    deleted_at      timestamptz,            -- a tombstone: deleted by its author, text gone
    hidden          boolean NOT NULL DEFAULT false,  -- by a moderator; the decision of mod_actions
    shown           boolean NOT NULL        -- is_shown(), kept true to it by apply()
);
-- A topic's page: its replies in order, and its tombstones among them. Each reply is in the first or the second, so a
-- page does not walk over what a banned spammer left; together they find all replies of a topic that is locked.
CREATE INDEX posts_in_topic ON posts (root_uri, sorted_at, uri) WHERE root_uri IS NOT NULL AND shown;
CREATE INDEX posts_unseen_in_topic ON posts (root_uri) WHERE root_uri IS NOT NULL AND NOT shown;
CREATE INDEX posts_buried_in_topic ON posts (root_uri, sorted_at, uri)
    WHERE root_uri IS NOT NULL AND deleted_at IS NOT NULL;
-- A profile's posts; what to hide and show again with its author.
CREATE INDEX posts_by_author ON posts (did, sorted_at);

-- Whether a post is shown and counted, all else being there. The one definition: whoever sets posts.shown asks it.
-- `until` is its author's limit, of topics or of replies.
CREATE FUNCTION is_shown(
    deleted_at timestamptz, hidden boolean, status text, banned boolean, rkey text, until text, locked text
) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN deleted_at IS NULL AND NOT hidden AND status = 'active' AND NOT banned
       AND (until IS NULL OR rkey COLLATE "C" <= until COLLATE "C")
       AND (locked IS NULL OR rkey COLLATE "C" <= locked COLLATE "C");

-- Authors of very much whose posts.shown does not yet follow from what was decided about them. The clock sees to it.
CREATE TABLE unsettled (
    did             text COLLATE "C" PRIMARY KEY
);

-- Posts as HTML, made when a page first needs them and gone with the text they were made of. Whoever reads one asks for
-- the post's present cid and the renderer's present version, so none is ever out of date.
CREATE TABLE renderings (
    uri             text COLLATE "C" PRIMARY KEY,
    cid             text COLLATE "C" NOT NULL,
    version         smallint NOT NULL,
    html            text NOT NULL
);

CREATE TABLE memberships (
    did             text COLLATE "C" NOT NULL,
    rkey            text COLLATE "C" NOT NULL,
    joined_at       timestamptz NOT NULL,
    PRIMARY KEY (did, rkey)
);

-- One row per account with a membership; `joined_at` of its first.
CREATE TABLE members (
    did             text COLLATE "C" PRIMARY KEY,
    joined_at       timestamptz NOT NULL
);
-- The list of members, newest first.
CREATE INDEX members_newest ON members (joined_at DESC, did);

CREATE TABLE reactions (
    did             text COLLATE "C" NOT NULL,
    rkey            text COLLATE "C" NOT NULL,
    subject_uri     text COLLATE "C" NOT NULL,
    emoji           text NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (did, rkey)
);
-- The reactions to the posts of a page.
CREATE INDEX reactions_to ON reactions (subject_uri);


-- 5. Counts --------------------------------------------------------------------------------------------------------

-- A topic's state beside its post. Keyed by the topic's URI and made by whatever comes first: the topic, a reply, a lock.
-- board_uri is NULL while the topic itself is not here.
CREATE TABLE topics (
    uri             text COLLATE "C" PRIMARY KEY,
    board_uri       text COLLATE "C",
    shown           boolean NOT NULL DEFAULT false,
    deleted         boolean NOT NULL DEFAULT false,  -- its post is a tombstone
    pinned          boolean NOT NULL DEFAULT false,
    locked          text COLLATE "C",       -- since_when(): the key of a lock
    reply_count     bigint NOT NULL DEFAULT 0,
    last_reply_at   timestamptz,
    sorted_at       timestamptz,
    activity_at     timestamptz
);
-- A board's topics by activity, pinned first, and by age.
CREATE INDEX topics_by_activity ON topics (board_uri, pinned, activity_at, uri) WHERE shown;
CREATE INDEX topics_by_age ON topics (board_uri, sorted_at, uri) WHERE shown;
-- The tombstones that were answered have their places among them, in both orders.
CREATE INDEX topics_buried_by_activity ON topics (board_uri, pinned, activity_at, uri)
    WHERE deleted AND reply_count > 0;
CREATE INDEX topics_buried_by_age ON topics (board_uri, sorted_at, uri) WHERE deleted AND reply_count > 0;

CREATE TABLE board_counts (
    uri             text COLLATE "C" PRIMARY KEY,
    topic_count     bigint NOT NULL DEFAULT 0,
    reply_count     bigint NOT NULL DEFAULT 0   -- of its shown topics
);

CREATE TABLE forum_counts (
    single          boolean PRIMARY KEY DEFAULT true CHECK (single),
    member_count    bigint NOT NULL DEFAULT 0,
    action_count    bigint NOT NULL DEFAULT 0   -- of moderators
);
INSERT INTO forum_counts DEFAULT VALUES;

-- posts → topics. Statement triggers: a batch of 500 posts costs three small statements.
CREATE FUNCTION tally_posts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    roots text[];
    deltas bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(root_uri), array_agg(n) INTO roots, deltas
          FROM (SELECT root_uri, count(*) FILTER (WHERE shown) AS n
                  FROM came WHERE root_uri IS NOT NULL GROUP BY root_uri) AS d;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(root_uri), array_agg(n) INTO roots, deltas
          FROM (SELECT root_uri, - count(*) FILTER (WHERE shown) AS n
                  FROM went WHERE root_uri IS NOT NULL GROUP BY root_uri) AS d;
    ELSE
        SELECT array_agg(root_uri), array_agg(n) INTO roots, deltas
          FROM (SELECT root_uri, sum(n) AS n
                  FROM (SELECT root_uri, shown::int AS n FROM came
                        UNION ALL SELECT root_uri, - shown::int FROM went) AS both_sides
                 WHERE root_uri IS NOT NULL GROUP BY root_uri) AS d;
    END IF;

    IF TG_OP = 'DELETE' THEN
        UPDATE topics t
           SET board_uri = NULL, shown = false, deleted = false, sorted_at = NULL, activity_at = t.last_reply_at
          FROM went WHERE went.uri = t.uri AND went.root_uri IS NULL;
    ELSE
        INSERT INTO topics AS t (uri, board_uri, shown, deleted, sorted_at, activity_at)
        SELECT uri, board_uri, shown, deleted_at IS NOT NULL, sorted_at, sorted_at
          FROM came WHERE root_uri IS NULL ORDER BY uri
        ON CONFLICT (uri) DO UPDATE
           SET board_uri = excluded.board_uri, shown = excluded.shown, deleted = excluded.deleted,
               sorted_at = excluded.sorted_at, activity_at = greatest(excluded.sorted_at, t.last_reply_at);
    END IF;
    IF TG_OP = 'UPDATE' THEN  -- a topic edited into a reply
        UPDATE topics t
           SET board_uri = NULL, shown = false, deleted = false, sorted_at = NULL, activity_at = t.last_reply_at
          FROM went JOIN came USING (uri)
         WHERE t.uri = went.uri AND went.root_uri IS NULL AND came.root_uri IS NOT NULL;
    END IF;

    IF roots IS NOT NULL THEN
        INSERT INTO topics AS t (uri, reply_count, last_reply_at, activity_at)
        SELECT d.root, d.n, latest.sorted_at, latest.sorted_at
          FROM unnest(roots, deltas) AS d (root, n)
          LEFT JOIN LATERAL (SELECT p.sorted_at FROM posts p
                              WHERE p.root_uri = d.root AND p.shown
                              ORDER BY p.sorted_at DESC, p.uri DESC LIMIT 1) AS latest ON true
         ORDER BY d.root
        ON CONFLICT (uri) DO UPDATE
           SET reply_count = t.reply_count + excluded.reply_count, last_reply_at = excluded.last_reply_at,
               activity_at = greatest(t.sorted_at, excluded.last_reply_at);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER posts_came AFTER INSERT ON posts
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION tally_posts();
CREATE TRIGGER posts_changed AFTER UPDATE ON posts
    REFERENCING OLD TABLE AS went NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION tally_posts();
CREATE TRIGGER posts_went AFTER DELETE ON posts
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION tally_posts();

-- topics → board_counts. Hiding a topic takes its replies out of the board in one step, however many there are.
CREATE FUNCTION tally_topics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO board_counts AS b (uri, topic_count, reply_count)
        SELECT board_uri, count(*), sum(reply_count)
          FROM came WHERE shown AND board_uri IS NOT NULL GROUP BY board_uri ORDER BY board_uri
        ON CONFLICT (uri) DO UPDATE
           SET topic_count = b.topic_count + excluded.topic_count, reply_count = b.reply_count + excluded.reply_count;
    ELSE
        INSERT INTO board_counts AS b (uri, topic_count, reply_count)
        SELECT board_uri, sum(n), sum(replies)
          FROM (SELECT board_uri, 1 AS n, reply_count AS replies FROM came WHERE shown
                UNION ALL SELECT board_uri, -1, - reply_count FROM went WHERE shown) AS both_sides
         WHERE board_uri IS NOT NULL
         GROUP BY board_uri HAVING sum(n) <> 0 OR sum(replies) <> 0 ORDER BY board_uri
        ON CONFLICT (uri) DO UPDATE
           SET topic_count = b.topic_count + excluded.topic_count, reply_count = b.reply_count + excluded.reply_count;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER topics_came AFTER INSERT ON topics
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION tally_topics();
CREATE TRIGGER topics_changed AFTER UPDATE ON topics
    REFERENCING OLD TABLE AS went NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION tally_topics();

-- members → forum_counts.
CREATE FUNCTION tally_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE forum_counts SET member_count = member_count + (SELECT count(*) FROM came);
    ELSE
        UPDATE forum_counts SET member_count = member_count - (SELECT count(*) FROM went);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER members_came AFTER INSERT ON members
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION tally_members();
CREATE TRIGGER members_went AFTER DELETE ON members
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION tally_members();

-- mod_actions → forum_counts.
CREATE FUNCTION tally_mod_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE forum_counts SET action_count = action_count + (SELECT count(*) FROM came);
    ELSE
        UPDATE forum_counts SET action_count = action_count - (SELECT count(*) FROM went);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER mod_actions_came AFTER INSERT ON mod_actions
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION tally_mod_actions();
CREATE TRIGGER mod_actions_went AFTER DELETE ON mod_actions
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION tally_mod_actions();


-- 6. Ours alone ----------------------------------------------------------------------------------------------------

-- Who is signed in. The cookie itself is not here, only its SHA-256. Lost, everybody signs in again.
CREATE TABLE sessions (
    token_hash      bytea PRIMARY KEY,
    id              bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- by which its owner names it
    did             text COLLATE "C" NOT NULL,
    grant_sealed    bytea,                  -- what their server gave us, encrypted; empty: it is over;
                                            -- NULL: made in the operator's shell
    user_agent      text,                   -- what the browser says of itself
    created_at      timestamptz NOT NULL DEFAULT now(),
    seen_at         timestamptz NOT NULL DEFAULT now(),     -- to the minute
    expires_at      timestamptz NOT NULL    -- as long after seen_at as the session was made for
);
-- To sweep out the expired ones.
CREATE INDEX sessions_by_end ON sessions (expires_at);
-- An account's own.
CREATE INDEX sessions_of ON sessions (did);

-- Sign-ins under way, from the moment we send a browser to its account's server until it comes back; each once.
CREATE TABLE sign_ins (
    state_hash      bytea PRIMARY KEY,
    browser_hash    bytea NOT NULL,         -- of the cookie of the browser that began it
    sealed          bytea NOT NULL,         -- what is needed to finish, encrypted
    next_path       text NOT NULL,          -- where to go then
    expires_at      timestamptz NOT NULL
);
-- To sweep out the abandoned ones.
CREATE INDEX sign_ins_by_end ON sign_ins (expires_at);

-- Posts on their way, by the Idempotency-Key their author's client sent: which record key was chosen, and for what, so
-- that a second try writes no second post. For a day.
CREATE TABLE writes (
    did             text COLLATE "C" NOT NULL,
    key             text COLLATE "C" NOT NULL,
    asked_hash      bytea NOT NULL,
    rkey            text COLLATE "C" NOT NULL,
    claimed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (did, key)
);
-- To sweep out the old ones.
CREATE INDEX writes_by_age ON writes (claimed_at);

-- What members report to moderators. A report is about one post, from the first who reports it until a moderator resolves
-- it; whoever reports the post meanwhile adds a voice to it. What accounts have to do with it is forgotten with them.
CREATE TABLE reports (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_uri        text COLLATE "C" NOT NULL,
    author          text COLLATE "C" NOT NULL,  -- of the post, which may be gone
    opened_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_by      text COLLATE "C",       -- the moderator who looks at it; for a while, see forum/reports.py
    claimed_at      timestamptz,
    outcome         text CHECK (outcome IN ('hide', 'ban', 'dismiss')),     -- NULL: it is open
    reason          text,                   -- why, as everybody may read it with the act
    note            text,                   -- why, as only moderators do
    resolved_by     text COLLATE "C",
    resolved_at     timestamptz,
    CHECK (num_nulls(claimed_by, claimed_at) IN (0, 2)),
    CHECK (num_nulls(outcome, resolved_by, resolved_at) IN (0, 3))
);
-- One open report of a post at most.
CREATE UNIQUE INDEX reports_open ON reports (post_uri) WHERE outcome IS NULL;
-- The queue, oldest first, and how long it is; what was resolved, newest first.
CREATE INDEX reports_waiting ON reports (id) INCLUDE (author) WHERE outcome IS NULL;
CREATE INDEX reports_resolved ON reports (resolved_at, id) WHERE outcome IS NOT NULL;
-- Earlier ones about the same author; to forget an account.
CREATE INDEX reports_about ON reports (author, id);

CREATE TABLE voices (
    report_id       bigint NOT NULL REFERENCES reports ON DELETE CASCADE,
    reporter        text COLLATE "C" NOT NULL,
    post_cid        text COLLATE "C" NOT NULL,  -- the version that was reported
    reason          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (report_id, reporter)
);
-- How much somebody has reported of late; to forget an account.
CREATE INDEX voices_of ON voices (reporter, created_at);

-- What those did who run the forum: each act by whom, on what (a DID, a record's URI, a job's id), and how it was before
-- and after. Nothing in it is ever changed or taken out.
CREATE TABLE audit (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor           text COLLATE "C" NOT NULL,
    act             text NOT NULL,          -- ban, unhide, addBoard, giveRole, …
    subject         text COLLATE "C" NOT NULL,
    before          json,                   -- to the letter, where jsonb would tidy up
    after           json
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is noted in % stays', TG_TABLE_NAME;
END $$;

CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The key by which servers know us, encrypted; unless OAUTH_PRIVATE_KEY is set. Replaced, it ends what they gave us.
CREATE TABLE client_keys (
    single          boolean PRIMARY KEY DEFAULT true CHECK (single),
    sealed          bytea NOT NULL
);
