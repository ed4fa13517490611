//! The address to listen on, as people write it.

use std::net::IpAddr;

/// Reads an address; one of IPv6 may stand in brackets, as in a URL.
///
/// # Errors
///
/// What it is that cannot be listened on, and what to write instead.
pub fn address(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| match text.eq_ignore_ascii_case("localhost") {
        true => "localhost is two addresses; write 127.0.0.1 or ::1".to_owned(),
        false => "not an address; write ::, 0.0.0.0 or one of this machine's".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_stand_in_brackets_and_a_name_is_told_what_to_write() {
        for (text, meant) in [("::", "::"), ("[::]", "::"), ("[::1]", "::1"), ("0.0.0.0", "0.0.0.0")] {
            assert_eq!(address(text).unwrap().to_string(), meant);
        }
        assert!(address("localhost").unwrap_err().contains("127.0.0.1 or ::1"));
        for wrong in ["[::", "::1]", "star", "", "[127.0.0.1"] {
            assert!(address(wrong).unwrap_err().contains("0.0.0.0"), "{wrong}");
        }
    }
}
