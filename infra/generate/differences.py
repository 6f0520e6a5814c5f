"""What a domain needs differently in the templates. A domain that isn't here differs by its name and its types alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Differences:
    """The named values of a domain; each has a default that fits most."""

    # What its rule's description says that its events are about: the domain's name where it is empty.
    about: str = ""
    # Whether its table has the index `by_owner`, for a domain whose items name a customer as `owner`.
    by_owner: bool = False
    # The JSON that its function reads as `Settings`, with the stack's parameters as `${Name}`; the output
    # `<Domain>Settings` has the same.
    settings: str = ""
    # What its rule takes, if that isn't what follows from PREFIXES and TYPES. An entry that ends with a point is a prefix.
    takes: tuple[str, ...] = ()


DIFFERENCES = {
    "subscriptions": Differences(
        by_owner=True,
        settings='{"grace_days":${AccessGraceDays},"paused_collection":"${PausedCollection}"}',
        # Each event of a summary, though the domain has a use for one of them only.
        takes=(
            "customer.created",
            "customer.updated",
            "customer.deleted",
            "customer.subscription.",
            "customer.discount.",
            "subscription_schedule.",
            "entitlements.active_entitlement_summary.",
        ),
    ),
    "connect": Differences(about="connected accounts, payouts and transfers"),
}
