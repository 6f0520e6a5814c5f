//! What this crate's faults and refusals are called, beside [the kernel's](sluice_kernel::code).

pub use sluice_kernel::code::*;

sluice_kernel::codes! {
    /// The event's `id` isn't a text of a sound length and alphabet.
    EVENT_BAD_ID = "event.bad_id";
    /// The event's `type` isn't a text of a sound length and alphabet.
    EVENT_BAD_TYPE = "event.bad_type";
    /// The event has no `id`.
    EVENT_NO_ID = "event.no_id";
    /// The event has no `type`.
    EVENT_NO_TYPE = "event.no_type";
    /// The body is JSON and no object.
    EVENT_NOT_AN_OBJECT = "event.not_an_object";
    /// The header has no readable timestamp, or more than one.
    SIGNATURE_MALFORMED = "signature.malformed";
    /// A request has no `Stripe-Signature` header.
    SIGNATURE_MISSING = "signature.missing";
    /// No secret of the endpoint makes any of the delivery's signatures.
    SIGNATURE_NO_MATCH = "signature.no_match";
    /// The signature was checked against no secret.
    SIGNATURE_NO_SECRET = "signature.no_secret";
    /// The header has a readable timestamp, and no `v1` entry of 64 lower-case hexadecimal digits.
    SIGNATURE_NO_V1 = "signature.no_v1";
    /// The header is longer, or has more `v1` entries, than what is read.
    SIGNATURE_TOO_LARGE = "signature.too_large";
    /// The signature is right, and its timestamp is too far in the future.
    SIGNATURE_TOO_NEW = "signature.too_new";
    /// The signature is right, and its timestamp is too long ago.
    SIGNATURE_TOO_OLD = "signature.too_old";
    /// The address of Stripe's API isn't one that can be asked.
    STRIPE_BAD_BASE = "stripe.bad_base";
    /// An event names its object in a form that no Stripe URL has.
    STRIPE_BAD_REFERENCE = "stripe.bad_reference";
    /// Stripe doesn't list objects of this kind by themselves.
    STRIPE_NO_LIST = "stripe.no_list";
    /// A tolerance is outside the range that is allowed.
    TOLERANCE_OUT_OF_RANGE = "tolerance.out_of_range";
    /// A line isn't a signature vector.
    VECTOR_UNREADABLE = "vector.unreadable";
}
