//! redis-rs as an application's cache, through its own methods, in RESP2 and RESP3.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nearhit_redis_rs::{FAR_AWAY_S, LONG_AGO_S, connect, data, in_both_protocols, session, vector};
use redis::vector_sets::{
    EmbeddingInput, VAddOptions, VSimOptions, VectorAddInput, VectorSimilaritySearchInput,
};
use redis::{
    ExistenceCheck, ExpireOption, Expiry, HashFieldExpirationOptions, IntegerReplyOrNoOp, ScanOptions,
    SetExpiry, SetOptions, TypedCommands, ValueType,
};

const SESSION: &str = "session:8c1f";

#[test]
fn pages_are_cached_for_a_while() {
    in_both_protocols(|redis| {
        let pages: Vec<(String, String)> =
            serde_json::from_value::<BTreeMap<_, _>>(data("pages")).unwrap().into_iter().collect();
        redis.mset(&pages).unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).chain(["missing"]).collect();
        let expected: Vec<Option<String>> =
            pages.iter().map(|(_, body)| Some(body.clone())).chain([None]).collect();
        assert_eq!(redis.mget(&names).unwrap(), expected);
        let only_if_absent = SetOptions::default().conditional_set(ExistenceCheck::NX);
        assert_eq!(redis.set_options("page:/", "x", only_if_absent).unwrap(), None);
        let old = SetOptions::default().get(true).with_expiration(SetExpiry::EX(300));
        assert_eq!(redis.set_options("page:/", "x", old).unwrap(), expected[0]);
        assert!(matches!(redis.ttl("page:/").unwrap(), IntegerReplyOrNoOp::IntegerReply(1..=300)));
        assert_eq!(redis.get_ex("page:/", Expiry::PERSIST).unwrap().as_deref(), Some("x"));
        assert_eq!(redis.ttl("page:/").unwrap(), IntegerReplyOrNoOp::ExistsButNotRelevant);
        assert_eq!(redis.get_del("page:/").unwrap().as_deref(), Some("x"));
        assert_eq!(redis.get("page:/").unwrap(), None);
    });
}

#[test]
fn strings_are_counted_and_edited() {
    in_both_protocols(|redis| {
        assert_eq!(redis.incr("views", 10).unwrap(), 10);
        assert_eq!(redis.decr("views", 1).unwrap(), 9);
        let half: f64 = redis::Commands::incr(redis, "views", 0.5).unwrap();
        assert_eq!(half, 9.5);
        assert_eq!(redis.append("log", "start").unwrap(), 5);
        assert_eq!(redis.setrange("log", 6, "end").unwrap(), 9);
        assert_eq!(redis.getrange("log", -3, -1).unwrap(), "end");
        let bytes: Vec<u8> = redis::Commands::get(redis, "log").unwrap();
        assert_eq!(bytes, b"start\0end");
    });
}

#[test]
fn sessions_are_hashes() {
    in_both_protocols(|redis| {
        let fields = session(SESSION);
        log_in(redis);
        let read: BTreeMap<String, String> = redis::Commands::hgetall(redis, SESSION).unwrap();
        assert_eq!(read, fields);
        assert_eq!(redis.hincr(SESSION, "views", 2).unwrap(), 5.0);
        assert_eq!(redis.hincr(SESSION, "basket", 1.5).unwrap(), 1.5);
        assert_eq!(redis.hdel(SESSION, &["cart", "missing"]).unwrap(), 1);
        assert!(!redis.hexists(SESSION, "cart").unwrap());
        assert!(!redis.hset_nx(SESSION, "user", "18").unwrap());
        let some: (String, Option<String>) =
            redis::Commands::hmget(redis, SESSION, &["user", "missing"]).unwrap();
        assert_eq!(some, ("17".to_owned(), None));
        assert_eq!(redis.hlen(SESSION).unwrap(), 4);
        let error = redis.get(SESSION).unwrap_err();
        assert_eq!(error.code(), Some("WRONGTYPE"));
    });
}

#[test]
fn fields_expire() {
    use IntegerReplyOrNoOp::{ExistsButNotRelevant, IntegerReply, NotExists};
    in_both_protocols(|redis| {
        log_in(redis);
        let set = redis.hexpire(SESSION, 600, ExpireOption::NX, &["cart", "missing"]).unwrap();
        assert_eq!(set, [IntegerReply(1), NotExists]);
        assert_eq!(redis.hpersist(SESSION, &["cart"]).unwrap(), [IntegerReply(1)]);
        assert_eq!(redis.httl(SESSION, &["cart"]).unwrap(), [ExistsButNotRelevant]);
        let gone = redis.hexpire_at(SESSION, LONG_AGO_S, ExpireOption::NONE, &["cart"]).unwrap();
        assert_eq!(gone, [IntegerReply(2)]);
        let for_a_while = HashFieldExpirationOptions::default().set_expiration(SetExpiry::EX(600));
        assert!(redis.hset_ex(SESSION, &for_a_while, &[("token", "b3f1")]).unwrap());
        assert_eq!(redis.hget_ex(SESSION, &["token"], Expiry::PERSIST).unwrap(), ["b3f1"]);
        let taken = redis.hget_del(SESSION, &["token", "missing"]).unwrap();
        assert_eq!(taken, [Some("b3f1".to_owned()), None]);
    });
}

#[test]
fn keys_expire() {
    in_both_protocols(|redis| {
        redis.set_ex("k", "v", 100).unwrap();
        assert!(redis.expire_at("k", FAR_AWAY_S).unwrap());
        assert_eq!(redis.expire_time("k").unwrap().raw() as i64, FAR_AWAY_S);
        assert!(redis.persist("k").unwrap());
        assert!(redis.pexpire_at("k", LONG_AGO_S).unwrap());
        assert!(!redis.exists("k").unwrap());
    });
}

#[test]
fn transactions_are_atomic() {
    in_both_protocols(|redis| {
        let (set, views, all, missing): (String, i64, HashMap<String, i64>, Option<String>) = redis::pipe()
            .atomic()
            .set("page:/", "x")
            .hincr("h", "views", 3)
            .hgetall("h")
            .get("missing")
            .query(redis)
            .unwrap();
        assert_eq!((set.as_str(), views, all["views"], missing), ("OK", 3, 3, None));
        let refused = redis::pipe().atomic().set("refused", "x").cmd("NOSUCH").exec(redis).unwrap_err();
        assert!(refused.to_string().starts_with("Transaction aborted"), "{refused}");
        assert!(!redis.exists("refused").unwrap());
    });
}

#[test]
fn a_transaction_is_tried_until_nobody_interferes() {
    in_both_protocols(|redis| {
        redis.set("stock", 3).unwrap();
        let mut other = connect("resp2");
        let mut tries = 0;
        let (left,): (i64,) = redis::transaction(redis, &["stock"], |redis, pipe| {
            let stock: i64 = redis::Commands::get(redis, "stock")?;
            tries += 1;
            if tries == 1 {
                other.decr("stock", 1)?;
            }
            pipe.set("stock", stock - 1).ignore().get("stock").query(redis)
        })
        .unwrap();
        assert_eq!((left, tries), (1, 2));
    });
}

#[test]
fn keys_and_fields_are_scanned() {
    in_both_protocols(|redis| {
        log_in(redis);
        let pages: Vec<(String, usize)> = (0..300).map(|i| (format!("page:{i}"), i)).collect();
        redis.mset(&pages).unwrap();
        let some = ScanOptions::default().with_pattern("page:2??").with_count(50);
        let found: BTreeSet<String> =
            redis::Commands::scan_options(redis, some).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(found.len(), 100);
        let hashes = ScanOptions::default().with_type("hash");
        let found: Vec<String> =
            redis::Commands::scan_options(redis, hashes).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(found, [SESSION]);
        let items: Vec<(String, usize)> = (0..600).map(|i| (format!("item:{i}"), i)).collect();
        redis.hset_multiple("stock", &items).unwrap();
        let fields: HashMap<String, usize> =
            redis::Commands::hscan(redis, "stock").unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(fields, items.into_iter().collect());
    });
}

#[test]
fn pipelines_keep_their_order() {
    in_both_protocols(|redis| {
        let mut pipe = redis::pipe();
        for i in 0..300 {
            pipe.hset("h", i, i * 2).ignore().hget("h", i);
        }
        let replies: Vec<usize> = pipe.query(redis).unwrap();
        assert_eq!(replies, (0..300).map(|i| i * 2).collect::<Vec<_>>());
    });
}

#[test]
fn answers_are_found_by_meaning() {
    in_both_protocols(|redis| {
        for (name, answer) in data("answers").as_object().unwrap() {
            let options = VAddOptions::default().set_attributes(answer["attributes"].clone());
            let vector = vector(answer);
            assert!(redis.vadd_options("answers", VectorAddInput::Fp32(&vector), name, &options).unwrap());
            redis.hset(format!("answer:{name}"), "text", answer["text"].as_str().unwrap()).unwrap();
        }
        for lookup in data("lookups").as_array().unwrap() {
            let mut options = VSimOptions::default().set_count(2);
            if let Some(filter) = lookup["filter"].as_str() {
                options = options.set_filter_expression(filter);
            }
            let vector = vector(lookup);
            let query = VectorSimilaritySearchInput::Values(EmbeddingInput::Float32(&vector));
            let found: Vec<String> =
                redis::Commands::vsim_options(redis, "answers", query, &options).unwrap();
            assert_eq!(found, serde_json::from_value::<Vec<String>>(lookup["nearest"].clone()).unwrap());
        }
    });
}

#[test]
fn vector_sets_are_maintained() {
    in_both_protocols(|redis| {
        for (name, vector) in [("right", [1.0, 0.0]), ("up", [0.0, 1.0])] {
            assert!(redis.vadd("points", VectorAddInput::Fp32(&vector), name).unwrap());
        }
        assert_eq!((redis.vcard("points").unwrap(), redis.vdim("points").unwrap()), (2, 2));
        let scores = VSimOptions::default().set_with_scores(true);
        let query = VectorSimilaritySearchInput::Element("up");
        let found: HashMap<String, f64> =
            redis::Commands::vsim_options(redis, "points", query, &scores).unwrap();
        assert_eq!(found, [("up".to_owned(), 1.0), ("right".to_owned(), 0.5)].into());
        assert!(redis.vsetattr("points", "up", &serde_json::json!({"axis": "y"})).unwrap());
        let attributes = redis.vgetattr("points", "up").unwrap();
        assert_eq!(attributes.as_deref(), Some(r#"{"axis":"y"}"#));
        assert!(redis.vinfo("points").unwrap().unwrap().contains_key("hnsw-m"));
        assert!(redis.vrem("points", "up").unwrap());
        assert_eq!(redis.key_type("points").unwrap(), ValueType::VectorSet);
    });
}

fn log_in(redis: &mut redis::Connection) {
    let fields: Vec<(String, String)> = session(SESSION).into_iter().collect();
    redis.hset_multiple(SESSION, &fields).unwrap();
}
