//! What stands before or after a number: currencies and the percent sign.

/// Signs of currencies; of two that begin alike the longer one is first.
const SIGNS: [&str; 21] = [
    "R$", "US$", "A$", "C$", "HK$", "NZ$", "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₪", "₫", "₴", "฿", "zł", "Kč", "kr",
];
/// Currencies of ISO 4217.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
                     CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
                     GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD \
                     KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO \
                     NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE \
                     SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV \
                     WST XAF XCD XOF XPF YER ZAR ZMW ZWG";
/// The number of a sign follows that of the percent sign, that of a code those of the signs.
const PERCENT: u16 = 1;
const FIRST_SIGN: u16 = PERCENT + 1;
const FIRST_CODE: u16 = FIRST_SIGN + SIGNS.len() as u16;

fn code(text: &[u8]) -> Option<u16> {
    let place = CODES.as_bytes().chunks(4).position(|chunk| chunk.get(..3) == Some(text))?;
    u16::try_from(place).ok().map(|place| FIRST_CODE + place)
}

/// The sign or code that a text begins with, with what follows it.
pub fn before(text: &[u8]) -> Option<(u16, &[u8])> {
    match text.first()? {
        b'0'..=b'9' | b'-' | b'(' | b'.' | b',' => return None,
        _ => {}
    }
    if let Some((sign, rest)) = signs().find_map(|(number, sign)| Some((number, text.strip_prefix(sign.as_bytes())?))) {
        return Some((sign, rest));
    }
    let (front, rest) = text.split_at_checked(3)?;
    (!rest.first()?.is_ascii_alphabetic()).then_some((code(front)?, rest))
}

/// The sign or code that a text ends with, with what is in front of it.
pub fn after(text: &[u8]) -> Option<(u16, &[u8])> {
    if text.last()?.is_ascii_digit() {
        return None;
    }
    if let Some(rest) = text.strip_suffix(b"%") {
        return Some((PERCENT, rest));
    }
    if let Some((sign, rest)) = signs().find_map(|(number, sign)| Some((number, text.strip_suffix(sign.as_bytes())?))) {
        return Some((sign, rest));
    }
    let (rest, end) = text.split_at_checked(text.len().checked_sub(3)?)?;
    (!rest.last()?.is_ascii_alphabetic()).then_some((code(end)?, rest))
}

fn signs() -> impl Iterator<Item = (u16, &'static str)> {
    SIGNS.into_iter().enumerate().map(|(place, sign)| (FIRST_SIGN + place as u16, sign))
}

/// The sign or code of a number.
pub fn named(number: u16) -> &'static str {
    match number {
        0 => "",
        PERCENT => "%",
        FIRST_SIGN..FIRST_CODE => SIGNS[usize::from(number - FIRST_SIGN)],
        code => CODES.get(usize::from(code - FIRST_CODE) * 4..).and_then(|codes| codes.get(..3)).unwrap_or_default(),
    }
}
