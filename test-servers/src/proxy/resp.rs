//! Where requests and replies end in the protocol of Redis (RESP2 and RESP3).

/// The length of the reply or command at the beginning, if all of it is there.
pub(super) fn frame(bytes: &[u8]) -> Option<usize> {
    let (mut end, mut frames) = (0, 1);
    while frames > 0 {
        let rest = &bytes[end..];
        let line = rest.iter().position(|&byte| byte == b'\n')? + 1;
        let count = || {
            let digits = std::str::from_utf8(&rest[1..line]).ok()?;
            digits.trim_end().parse::<usize>().ok()
        };
        end += line;
        frames -= 1;
        match rest[0] {
            // Text with its length. A null one has length -1, and nothing follows.
            b'$' | b'!' | b'=' => {
                if let Some(length) = count() {
                    end += length + 2;
                }
            }
            b'*' | b'~' | b'>' => frames += count().unwrap_or(0),
            b'%' => frames += 2 * count().unwrap_or(0),
            // Attributes come before what they belong to.
            b'|' => frames += 2 * count().unwrap_or(0) + 1,
            // A line by itself; among them commands as one types them.
            _ => {}
        }
        if end > bytes.len() {
            return None;
        }
    }
    Some(end)
}

/// How many commands these bytes are, if the last one is complete.
pub(super) fn commands(mut bytes: &[u8]) -> Option<usize> {
    let mut commands = 0;
    while !bytes.is_empty() {
        bytes = &bytes[frame(bytes)?..];
        commands += 1;
    }
    Some(commands)
}

/// The length of the first `count` replies, and of pushed messages between them, if all are there.
pub(super) fn replies(bytes: &[u8], count: usize) -> Option<usize> {
    let (mut end, mut replies) = (0, 0);
    while replies < count {
        let reply = &bytes[end..];
        end += frame(reply)?;
        if reply[0] != b'>' {
            replies += 1;
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [&str; 13] = [
        "+OK\r\n",
        "-ERR no\r\n",
        ":12\r\n",
        "$4\r\na\r\nb\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*2\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n",
        "%1\r\n+a\r\n*1\r\n,1.5\r\n",
        "|1\r\n+a\r\n:1\r\n$1\r\nx\r\n",
        "=5\r\ntxt:x\r\n",
        "PING\r\n",
    ];

    #[test]
    fn a_frame_ends_where_its_last_byte_is_and_not_before() {
        for whole in WHOLE {
            let followed = [whole, "+NEXT\r\n"].concat();
            assert_eq!(frame(followed.as_bytes()), Some(whole.len()), "{whole:?}");
            for cut in 0..whole.len() {
                assert_eq!(frame(&whole.as_bytes()[..cut]), None, "{:?}", &whole[..cut]);
            }
        }
    }

    #[test]
    fn commands_are_counted_when_the_last_is_complete() {
        let command = b"*1\r\n$4\r\nPING\r\n";
        let three = command.repeat(3);
        assert_eq!(commands(&three), Some(3));
        assert_eq!(commands(&three[..three.len() - 1]), None);
    }

    #[test]
    fn pushed_messages_are_no_replies() {
        let bytes = b">1\r\n+note\r\n:1\r\n>1\r\n+note\r\n:2\r\n:3\r\n";
        assert_eq!(replies(bytes, 2), Some(bytes.len() - 4));
        assert_eq!(replies(bytes, 4), None);
    }
}
