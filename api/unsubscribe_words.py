"""In which words does the page speak by which somebody unsubscribes? In the eight languages, and to nobody by name of ours."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageWords:
    """One language. `{address}` stands where the recipient's address is put."""

    title: str
    question: str
    button: str
    done_title: str
    done: str
    undo: str
    undone_title: str
    undone: str
    later_title: str
    later: str
    """Too often undone (`mail.unsubscribes.undoing`): it stands, and when it can be undone."""
    invalid_title: str
    invalid: str


WORDS: Mapping[str, PageWords] = {
    "en": PageWords(
        title="Unsubscribe",
        question="Stop all mail from this sender to {address}?",
        button="Unsubscribe",
        done_title="You are unsubscribed",
        done="This sender will send no more mail to {address}.",
        undo="Undo",
        undone_title="You are no longer unsubscribed",
        undone="This sender may send mail to {address} again.",
        later_title="This cannot be undone right now",
        later="It was undone too many times within a day. "
        "Open this link again in 24 hours to undo it. "
        "Until then, this sender will send no mail to {address}.",
        invalid_title="This link is not valid",
        invalid="Open it once more from the mail, and make sure that it is complete.",
    ),
    "fr": PageWords(
        title="Désabonnement",
        question="Ne plus recevoir aucun message de cet expéditeur à l’adresse {address} ?",
        button="Me désabonner",
        done_title="Désabonnement effectué",
        done="Cet expéditeur n’enverra plus de messages à {address}.",
        undo="Annuler le désabonnement",
        undone_title="Désabonnement annulé",
        undone="Cet expéditeur peut de nouveau envoyer des messages à {address}.",
        later_title="Annulation impossible pour le moment",
        later="Le désabonnement a été annulé trop souvent en une journée. "
        "Rouvrez ce lien dans 24 heures pour annuler le désabonnement. "
        "D’ici là, cet expéditeur n’enverra aucun message à {address}.",
        invalid_title="Ce lien n’est pas valable",
        invalid="Ouvrez-le de nouveau depuis le message et vérifiez qu’il est complet.",
    ),
    "de": PageWords(
        title="Abmeldung",
        question="Soll dieser Absender keine E-Mails mehr an {address} senden?",
        button="Abmelden",
        done_title="Sie sind abgemeldet",
        done="Dieser Absender sendet keine E-Mails mehr an {address}.",
        undo="Rückgängig machen",
        undone_title="Die Abmeldung ist rückgängig gemacht",
        undone="Dieser Absender darf wieder E-Mails an {address} senden.",
        later_title="Das lässt sich gerade nicht rückgängig machen",
        later="Die Abmeldung wurde an einem Tag zu oft rückgängig gemacht. "
        "Öffnen Sie diesen Link in 24 Stunden noch einmal, um sie rückgängig zu machen. "
        "Bis dahin sendet dieser Absender keine E-Mails an {address}.",
        invalid_title="Dieser Link ist ungültig",
        invalid="Öffnen Sie ihn noch einmal aus der E-Mail und achten Sie darauf, dass er vollständig ist.",
    ),
    "he": PageWords(
        title="הסרה מרשימת התפוצה",
        question="להפסיק את כל ההודעות מהשולח הזה לכתובת {address}?",
        button="הסרה",
        done_title="הוסרת מרשימת התפוצה",
        done="השולח הזה לא ישלח עוד הודעות לכתובת {address}.",
        undo="ביטול ההסרה",
        undone_title="ההסרה בוטלה",
        undone="השולח הזה רשאי לשלוח שוב הודעות לכתובת {address}.",
        later_title="אי אפשר לבטל את ההסרה כרגע",
        later="ההסרה בוטלה פעמים רבות מדי ביממה אחת. "
        "פתחו את הקישור הזה שוב בעוד 24 שעות כדי לבטל אותה. "
        "עד אז השולח הזה לא ישלח הודעות לכתובת {address}.",
        invalid_title="הקישור אינו תקין",
        invalid="פתחו אותו שוב מתוך ההודעה וודאו שהוא שלם.",
    ),
    "it": PageWords(
        title="Annullamento dell’iscrizione",
        question="Non ricevere più alcuna e-mail da questo mittente all’indirizzo {address}?",
        button="Annulla l’iscrizione",
        done_title="Iscrizione annullata",
        done="Questo mittente non invierà più e-mail a {address}.",
        undo="Ripristina l’iscrizione",
        undone_title="Iscrizione ripristinata",
        undone="Questo mittente può di nuovo inviare e-mail a {address}.",
        later_title="Per ora non è possibile ripristinare l’iscrizione",
        later="L’iscrizione è stata ripristinata troppe volte in un giorno. "
        "Riapri questo link tra 24 ore per ripristinarla. "
        "Fino ad allora questo mittente non invierà e-mail a {address}.",
        invalid_title="Questo link non è valido",
        invalid="Aprilo di nuovo dal messaggio e verifica che sia completo.",
    ),
    "pt": PageWords(
        title="Cancelamento da inscrição",
        question="Deixar de receber todos os e-mails deste remetente em {address}?",
        button="Cancelar a inscrição",
        done_title="Inscrição cancelada",
        done="Este remetente não enviará mais e-mails para {address}.",
        undo="Desfazer",
        undone_title="Cancelamento desfeito",
        undone="Este remetente pode voltar a enviar e-mails para {address}.",
        later_title="No momento não é possível desfazer",
        later="O cancelamento foi desfeito vezes demais em um dia. "
        "Abra este link novamente daqui a 24 horas para desfazê-lo. "
        "Até lá, este remetente não enviará e-mails para {address}.",
        invalid_title="Este link não é válido",
        invalid="Abra-o novamente a partir da mensagem e confira se está completo.",
    ),
    "ru": PageWords(
        title="Отписка от рассылки",
        question="Прекратить отправку всех писем от этого отправителя на адрес {address}?",
        button="Отписаться",
        done_title="Вы отписаны",
        done="Этот отправитель больше не будет присылать письма на адрес {address}.",
        undo="Отменить отписку",
        undone_title="Отписка отменена",
        undone="Этот отправитель снова может присылать письма на адрес {address}.",
        later_title="Сейчас отменить отписку нельзя",
        later="Отписку отменяли слишком часто в течение суток. "
        "Откройте эту ссылку снова через 24 часа, чтобы отменить отписку. "
        "До тех пор этот отправитель не будет присылать письма на адрес {address}.",
        invalid_title="Ссылка недействительна",
        invalid="Откройте её из письма ещё раз и проверьте, что она скопирована полностью.",
    ),
    "es": PageWords(
        title="Cancelación de la suscripción",
        question="¿Dejar de recibir todos los correos de este remitente en {address}?",
        button="Cancelar la suscripción",
        done_title="Suscripción cancelada",
        done="Este remitente no enviará más correos a {address}.",
        undo="Deshacer",
        undone_title="Cancelación deshecha",
        undone="Este remitente puede volver a enviar correos a {address}.",
        later_title="Ahora no se puede deshacer",
        later="La cancelación se ha deshecho demasiadas veces en un día. "
        "Vuelva a abrir este enlace dentro de 24 horas para deshacerla. "
        "Hasta entonces, este remitente no enviará correos a {address}.",
        invalid_title="Este enlace no es válido",
        invalid="Ábralo de nuevo desde el mensaje y compruebe que está completo.",
    ),
}
