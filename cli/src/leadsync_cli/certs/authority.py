"""A CA and the leaves that it signs, in memory."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

EARLIER = timedelta(minutes=5)  # a certificate counts from so long ago, for clocks that are behind
RENEWED = 3  # a leaf is renewed in the last third of its time
_CA_NAME = "leadsync CA"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key. The repr shows no key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def of_pem(cls, certificate: bytes, key: bytes) -> Self:
        """Read both. Raises ValueError if one of them is damaged, or they do not belong together."""
        read = x509.load_pem_x509_certificate(certificate)
        secret = serialization.load_pem_private_key(key, password=None)
        if not isinstance(secret, ec.EllipticCurvePrivateKey) or secret.public_key() != read.public_key():
            raise ValueError("the key is not that of the certificate")
        return cls(read, secret)

    @property
    def certificate_pem(self) -> str:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key as PEM (PKCS #8), without a passphrase."""
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, none).decode()

    @property
    def ends(self) -> datetime:
        """From when on it does not count any more."""
        return self.certificate.not_valid_after_utc


def make_ca(now: datetime, days: int) -> Pair:
    """Make a CA that signs leaves only, for so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(_CA_NAME)
    built = (
        _builder(key, subject, subject, now, now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Pair(built.sign(key, hashes.SHA256()), key)


def make_leaf(ca: Pair, name: str, hosts: Collection[str], now: datetime, days: int) -> Pair:
    """Make the certificate of the service `name`: for servers and clients, at most as long as the CA counts.

    `hosts` are further DNS names and IP addresses.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + timedelta(days=days), ca.ends)
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    built = (
        _builder(key, _subject(name), ca.certificate.subject, now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(host) for host in (name, *hosts)]), critical=False)
        .add_extension(signer, critical=False)
    )
    return Pair(built.sign(ca.key, hashes.SHA256()), key)


def names_of(leaf: Pair) -> list[str]:
    """Return the DNS names and IP addresses of a leaf, its service's name first."""
    try:
        names = leaf.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]


def is_kept(leaf: Pair, ca: Pair, names: Collection[str], now: datetime) -> bool:
    """Whether a leaf is this CA's, has these names, and is not in the last third of its time."""
    try:
        leaf.certificate.verify_directly_issued_by(ca.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    life = leaf.ends - leaf.certificate.not_valid_before_utc
    return set(names) <= set(names_of(leaf)) and leaf.ends - now > life / RENEWED


def _builder(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, issuer: x509.Name, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(ends)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
