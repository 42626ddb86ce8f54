"""E-mail addresses of a role, such as info@ and sales@: several people use them, so none of them names one."""

import re
import unicodedata

# Local parts by language, without accents and separators. The first ones are those of RFC 2142.
_WORDS = {
    "English": """
        info marketing sales support abuse noc security postmaster hostmaster usenet news webmaster www uucp ftp root
        accounting accounts accountspayable accountsreceivable admin administration administrator all ap ar billing
        board bookings booking bookkeeping business buying campaigns careers career ceo cfo communications company
        compliance contact contactus contracts customercare customerrelations customers customerservice customersupport
        dataprivacy dataprotection desk dispatch donotreply dpo email enquiries enquiry events everyone export
        facilities feedback finance frontdesk gdpr general hello help helpdesk hi hiring hr humanresources inbox
        inquiries inquiry invoice invoices invoicing it job jobs legal logistics mail mailbox mailerdaemon maintenance
        management manager media members membership newsletter nobody noreply notification notifications office
        operations ops order orders organisation organization partner partners partnerships payable payments payroll
        personnel planning pr press privacy production project projects procurement purchase purchasing quality quotes
        reception recruiting recruitment registrar registration reply reservation reservations returns sale salesteam
        secretary secretariat service services servicedesk shop staff store studio subscribe supplier suppliers team
        tech technical technicalsupport tender tenders tickets training travel unsubscribe warehouse web website welcome
        whois workshop
    """,
    "German": """
        anfrage anfragen bewerbung bewerbungen buchhaltung buero buro bestellung bestellungen datenschutz einkauf
        empfang geschaeftsleitung geschaftsleitung geschaeftsfuehrung geschaftsfuhrung gl kanzlei karriere kasse kontakt
        kundendienst kundenservice lager leitung personalabteilung post praxis presse rechnung rechnungen rezeption
        reservierung reservierungen sekretariat technik termine verkauf vertrieb vorstand verwaltung werkstatt zentrale
    """,
    "French": """
        accueil achat achats bonjour bureau candidature commande commandes comptabilite compta commercial direction
        facturation factures gestion mairie recrutement rh secretaire ventes vente serviceclient serviceclients
    """,
    "Italian": """
        acquisti amministrazione commerciale contabilita contatti contatto direzione fatture fatturazione lavoro ordini
        prenotazioni preventivi richieste risorseumane segreteria servizioclienti ufficio uffici vendite
    """,
    "Spanish": """
        administracion atencionalcliente ayuda comercial compras consultas contabilidad contacto contactos correo
        direccion empleo facturacion facturas gerencia hola informacion oficina pedidos prensa recepcion recursoshumanos
        reservas rrhh secretaria soporte ventas
    """,
    "Portuguese": """
        atendimento contato contabilidade encomendas escritorio faturamento financeiro geral recepcao sac suporte vendas
    """,
    "Dutch": """
        administratie bestelling bestellingen boekhouding facturen inkoop kantoor klantenservice receptie vacatures
        verkoop
    """,
    "Nordic": """
        asiakaspalvelu bogholderi faktura firmapost forsaljning hej kundeservice kundtjanst laskutus myynti ordre post
        salg toimisto
    """,
    "Polish and Czech": """
        administracja biuro fakturace faktury handlowy kadry kontakty ksiegowosc obchod objednavky podpora poptavky
        sekretariat sprzedaz ucetni zamowienia
    """,
    "Turkish and Hungarian": """
        bilgi destek iletisim iroda muhasebe satis titkarsag
    """,
}
ROLES = frozenset(word for words in _WORDS.values() for word in words.split())
_LONGEST = 200  # characters of a local part, with accents and separators; Unicode's forms of longer ones take time
_NO_LETTER = re.compile(r"[\W_]")


def is_role_mailbox(address: str) -> bool:
    """Whether an address, given by its key, is that of a role: `info@`, `customer.service@`, `sales+web@`."""
    local = address.rpartition("@")[0].partition("+")[0]
    return len(local) <= _LONGEST and _NO_LETTER.sub("", unicodedata.normalize("NFKD", local)) in ROLES
