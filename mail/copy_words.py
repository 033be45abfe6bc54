"""In which words is somebody asked whether they want copies of an account's mail? In the eight languages: a mail and a page.

The pieces are made to fit: `{who}` begins a sentence, and {what} stands where "a copy of …" wants it. What a customer has
typed is put between them and never read as words of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CopyWords:
    """One language."""

    who: str
    """The account, by {account}."""
    somebody: str
    """The account where its name would be shown as a link: nobody's mail program makes one of ours."""
    subject: str
    mail: str
    """{link} stands alone on its line; in a language from right to left no line begins with a name."""
    everything: str
    """What is copied."""
    something: str
    """The same, where the mail does not say what."""
    by_sender: str
    by_tag: str
    by_both: str
    asked_title: str
    asked: str
    button: str
    agreed_title: str
    agreed: str
    gone_title: str
    gone: str

    def what(self, sender: str | None, tag: str | None) -> str:
        """What is copied, its {sender} and {tag} not yet put in."""
        if sender is not None:
            return self.by_sender if tag is None else self.by_both
        return self.everything if tag is None else self.by_tag


WORDS: Mapping[str, CopyWords] = {
    "en": CopyWords(
        who="{account}",
        somebody="A sender at {brand}",
        subject="{who} would like to send you copies of mail",
        mail="""Hello,

{who} would like to send to this address a copy of {what}.
If you agree, open this address and say so:

{link}

If you did not expect this, there is nothing you need to do: no copy will be sent.

{brand}
""",
        everything="all mail it sends",
        something="some of the mail it sends",
        by_sender="the mail it sends from {sender}",
        by_tag="the mail it sends with the tag {tag}",
        by_both="the mail it sends from {sender} with the tag {tag}",
        asked_title="Do you want these copies?",
        asked="{who} would like to send to {address} a copy of {what}.",
        button="Yes, send me copies",
        agreed_title="You get copies",
        agreed="{who} sends to {address} a copy of {what}.",
        gone_title="This link is no good any more",
        gone="There is nothing to agree to, and no copy will be sent.",
    ),
    "fr": CopyWords(
        who="{account}",
        somebody="Un expéditeur de {brand}",
        subject="{who} souhaite vous envoyer des copies de messages",
        mail="""Bonjour,

{who} souhaite envoyer à cette adresse une copie de {what}.
Si vous êtes d’accord, ouvrez ce lien et confirmez-le :

{link}

Si vous n’attendiez pas ce message, vous n’avez rien à faire : aucune copie ne sera envoyée.

{brand}
""",
        everything="tous les messages envoyés",
        something="certains des messages envoyés",
        by_sender="tous les messages envoyés par {sender}",
        by_tag="tous les messages portant l’étiquette {tag}",
        by_both="tous les messages envoyés par {sender} et portant l’étiquette {tag}",
        asked_title="Souhaitez-vous recevoir ces copies ?",
        asked="{who} souhaite envoyer à {address} une copie de {what}.",
        button="Oui, envoyez-moi des copies",
        agreed_title="Vous recevez des copies",
        agreed="{who} envoie à {address} une copie de {what}.",
        gone_title="Ce lien n’est plus valable",
        gone="Il n’y a rien à confirmer, et aucune copie ne sera envoyée.",
    ),
    "de": CopyWords(
        who="{account}",
        somebody="Ein Absender bei {brand}",
        subject="{who} möchte Ihnen Kopien von E-Mails senden",
        mail="""Guten Tag,

{who} möchte an diese Adresse eine Kopie {what} senden.
Wenn Sie einverstanden sind, öffnen Sie diesen Link und bestätigen Sie es:

{link}

Wenn Sie damit nicht gerechnet haben, brauchen Sie nichts zu tun: Es wird keine Kopie gesendet.

{brand}
""",
        everything="aller gesendeten E-Mails",
        something="einiger der gesendeten E-Mails",
        by_sender="aller E-Mails von {sender}",
        by_tag="aller E-Mails mit dem Schlagwort {tag}",
        by_both="aller E-Mails von {sender} mit dem Schlagwort {tag}",
        asked_title="Möchten Sie diese Kopien?",
        asked="{who} möchte an {address} eine Kopie {what} senden.",
        button="Ja, senden Sie mir Kopien",
        agreed_title="Sie erhalten Kopien",
        agreed="{who} sendet an {address} eine Kopie {what}.",
        gone_title="Dieser Link gilt nicht mehr",
        gone="Es gibt nichts zu bestätigen, und es wird keine Kopie gesendet.",
    ),
    "he": CopyWords(
        who="החשבון {account}",
        somebody="שולח אצל {brand}",
        subject="{who} מבקש לשלוח אליכם עותקים של הודעות",
        mail="""שלום,

{who} מבקש לשלוח לכתובת הזאת עותק של {what}.
אם אתם מסכימים, פתחו את הקישור הזה ואשרו:

{link}

אם לא ציפיתם לכך, אין צורך לעשות דבר: לא יישלח שום עותק.

{brand}
""",
        everything="כל ההודעות הנשלחות ממנו",
        something="חלק מההודעות הנשלחות ממנו",
        by_sender="כל ההודעות הנשלחות מהכתובת {sender}",
        by_tag="כל ההודעות עם התגית {tag}",
        by_both="כל ההודעות הנשלחות מהכתובת {sender} עם התגית {tag}",
        asked_title="לקבל את העותקים האלה?",
        asked="{who} מבקש לשלוח לכתובת {address} עותק של {what}.",
        button="כן, שלחו לי עותקים",
        agreed_title="עותקים נשלחים אליכם",
        agreed="{who} שולח לכתובת {address} עותק של {what}.",
        gone_title="הקישור כבר אינו בתוקף",
        gone="אין מה לאשר, ולא יישלח שום עותק.",
    ),
    "it": CopyWords(
        who="{account}",
        somebody="Un mittente di {brand}",
        subject="{who} desidera inviarti copie di e-mail",
        mail="""Buongiorno,

{who} desidera inviare a questo indirizzo una copia di {what}.
Se sei d’accordo, apri questo link e conferma:

{link}

Se non te lo aspettavi, non devi fare nulla: non verrà inviata alcuna copia.

{brand}
""",
        everything="tutte le e-mail inviate",
        something="una parte delle e-mail inviate",
        by_sender="tutte le e-mail inviate da {sender}",
        by_tag="tutte le e-mail con l’etichetta {tag}",
        by_both="tutte le e-mail inviate da {sender} con l’etichetta {tag}",
        asked_title="Vuoi ricevere queste copie?",
        asked="{who} desidera inviare a {address} una copia di {what}.",
        button="Sì, inviami le copie",
        agreed_title="Ricevi le copie",
        agreed="{who} invia a {address} una copia di {what}.",
        gone_title="Questo link non è più valido",
        gone="Non c’è nulla da confermare e non verrà inviata alcuna copia.",
    ),
    "pt": CopyWords(
        who="{account}",
        somebody="Um remetente de {brand}",
        subject="{who} deseja enviar-lhe cópias de e-mails",
        mail="""Olá,

{who} deseja enviar para este endereço uma cópia de {what}.
Se concordar, abra este link e confirme:

{link}

Se não esperava esta mensagem, não precisa fazer nada: nenhuma cópia será enviada.

{brand}
""",
        everything="todos os e-mails enviados",
        something="parte dos e-mails enviados",
        by_sender="todos os e-mails enviados por {sender}",
        by_tag="todos os e-mails com a etiqueta {tag}",
        by_both="todos os e-mails enviados por {sender} com a etiqueta {tag}",
        asked_title="Deseja receber estas cópias?",
        asked="{who} deseja enviar para {address} uma cópia de {what}.",
        button="Sim, quero receber cópias",
        agreed_title="Você recebe cópias",
        agreed="{who} envia para {address} uma cópia de {what}.",
        gone_title="Este link não é mais válido",
        gone="Não há nada a confirmar, e nenhuma cópia será enviada.",
    ),
    "ru": CopyWords(
        who="Отправитель {account}",
        somebody="Один из отправителей {brand}",
        subject="{who} хочет присылать вам копии писем",
        mail="""Здравствуйте!

{who} хочет присылать на этот адрес копии {what}.
Если вы согласны, откройте эту ссылку и подтвердите:

{link}

Если вы этого не ожидали, ничего делать не нужно: копии присылаться не будут.

{brand}
""",
        everything="всех отправляемых писем",
        something="части отправляемых писем",
        by_sender="всех писем с адреса {sender}",
        by_tag="всех писем с меткой {tag}",
        by_both="всех писем с адреса {sender} с меткой {tag}",
        asked_title="Хотите получать эти копии?",
        asked="{who} хочет присылать на адрес {address} копии {what}.",
        button="Да, присылайте копии",
        agreed_title="Вы получаете копии",
        agreed="{who} присылает на адрес {address} копии {what}.",
        gone_title="Ссылка больше не действует",
        gone="Подтверждать нечего, и копии присылаться не будут.",
    ),
    "es": CopyWords(
        who="{account}",
        somebody="Un remitente de {brand}",
        subject="{who} desea enviarle copias de correos",
        mail="""Hola:

{who} desea enviar a esta dirección una copia de {what}.
Si está de acuerdo, abra este enlace y confírmelo:

{link}

Si no esperaba este mensaje, no tiene que hacer nada: no se enviará ninguna copia.

{brand}
""",
        everything="todos los correos enviados",
        something="parte de los correos enviados",
        by_sender="todos los correos enviados desde {sender}",
        by_tag="todos los correos con la etiqueta {tag}",
        by_both="todos los correos enviados desde {sender} con la etiqueta {tag}",
        asked_title="¿Desea recibir estas copias?",
        asked="{who} desea enviar a {address} una copia de {what}.",
        button="Sí, envíenme copias",
        agreed_title="Usted recibe copias",
        agreed="{who} envía a {address} una copia de {what}.",
        gone_title="Este enlace ya no es válido",
        gone="No hay nada que confirmar y no se enviará ninguna copia.",
    ),
}
