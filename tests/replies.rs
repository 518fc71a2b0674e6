//! Replies as an independent decoder reads them: `redis-protocol`, in both protocols.

use nearhit::resp::{Encoded, Error, Protocol, Reply, Row};
use redis_protocol::resp2::types::{BytesFrame as Frame2, Resp2Frame};
use redis_protocol::resp3::types::BytesFrame as Frame3;
use redis_protocol::{resp2, resp3};

/// One of each shape, nested where shapes nest.
fn replies() -> Vec<Reply> {
    let row =
        |key: &[u8], columns: &[Reply]| Row { key: key.to_vec(), columns: columns.iter().cloned().collect() };
    vec![
        Reply::OK,
        Reply::SimpleOwned("two words".into()),
        Reply::Error(Error::new("ERR no such thing")),
        Reply::Integer(i64::MIN),
        Reply::bulk(&b"a\r\n\0b"[..]),
        Reply::bulk(&b""[..]),
        Reply::Null,
        Reply::NullArray,
        Reply::Bool(true),
        Reply::Bool(false),
        Reply::Double(0.9992150366306305),
        Reply::Double(-1e-7),
        Reply::Double(1e22),
        Reply::Double(f64::INFINITY),
        Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![Reply::Null]), Reply::Array(Vec::new())]),
        Reply::Map(vec![(Reply::bulk(&b"k"[..]), Reply::Double(0.5))]),
        Reply::Set(vec![Reply::bulk(&b"x"[..]), Reply::bulk(&b"y"[..])]),
        Reply::Verbatim { format: *b"txt", text: "lines\nof text".into() },
        Reply::Rows(vec![row(b"a", &[Reply::Double(1.0)]), row(b"b", &[Reply::Double(0.5)])]),
        Reply::Rows(vec![row(b"a", &[Reply::Double(1.0), Reply::Null])]),
        Reply::Rows(Vec::new()),
    ]
}

fn encoded(reply: &Reply, protocol: Protocol) -> bytes::Bytes {
    let mut out = Encoded::default();
    reply.clone().encode(protocol, &mut out);
    out.to_vec().into()
}

fn number(frame: &Frame2) -> Option<f64> {
    frame.as_str().and_then(|text| text.parse().ok())
}

#[test]
fn every_reply_is_one_frame_of_resp2() {
    for reply in replies() {
        let bytes = encoded(&reply, Protocol::Resp2);
        let (frame, len) = resp2::decode::decode_bytes(&bytes).expect("well formed").expect("whole");
        assert_eq!(len, bytes.len(), "{reply:?}");
        match reply {
            Reply::Double(value) => assert_eq!(number(&frame), Some(value)),
            Reply::Bool(value) => assert_eq!(frame, Frame2::Integer(value.into())),
            Reply::Null | Reply::NullArray => assert_eq!(frame, Frame2::Null),
            Reply::Integer(value) => assert_eq!(frame, Frame2::Integer(value)),
            Reply::Bulk(text) => assert_eq!(frame, Frame2::BulkString(text)),
            Reply::Map(pairs) => {
                assert!(matches!(&frame, Frame2::Array(flat) if flat.len() == 2 * pairs.len()))
            }
            Reply::Rows(rows) => {
                let flat: usize = rows.iter().map(|row| 1 + row.columns.len()).sum();
                assert!(matches!(&frame, Frame2::Array(items) if items.len() == flat), "{frame:?}");
            }
            Reply::Error(_) => assert!(matches!(frame, Frame2::Error(_))),
            _ => {}
        }
    }
}

#[test]
fn every_reply_is_one_frame_of_resp3() {
    for reply in replies() {
        let bytes = encoded(&reply, Protocol::Resp3);
        let (frame, len) =
            resp3::decode::complete::decode_bytes(&bytes).expect("well formed").expect("whole");
        assert_eq!(len, bytes.len(), "{reply:?}");
        match reply {
            Reply::Double(value) => assert!(matches!(frame, Frame3::Double { data, .. } if data == value)),
            Reply::Bool(value) => assert!(matches!(frame, Frame3::Boolean { data, .. } if data == value)),
            Reply::Null | Reply::NullArray => assert!(matches!(frame, Frame3::Null)),
            Reply::Map(pairs) => {
                assert!(matches!(frame, Frame3::Map { data, .. } if data.len() == pairs.len()))
            }
            Reply::Set(items) => {
                assert!(matches!(frame, Frame3::Set { data, .. } if data.len() == items.len()))
            }
            Reply::Rows(rows) => {
                assert!(matches!(frame, Frame3::Map { data, .. } if data.len() == rows.len()))
            }
            Reply::Verbatim { .. } => assert!(matches!(frame, Frame3::VerbatimString { .. })),
            Reply::Error(_) => assert!(matches!(frame, Frame3::SimpleError { .. })),
            _ => {}
        }
    }
}
